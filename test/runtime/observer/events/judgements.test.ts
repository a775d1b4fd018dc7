import { beforeEach, expect, test, vi } from 'vitest';
import { ZastavaError } from '../../../../src/contract/errors.ts';
import { imageOf, Judgements } from '../../../../src/runtime/observer/events/judgements.ts';
import type { AskPolicy, ImageVerdict, PolicyQuestion } from '../../../../src/runtime/scanner/policy.ts';
import { RecordedLog } from '../../../fakes/recorded-log.ts';
import { digest, workloadOf } from './occurrences.ts';

let questions: PolicyQuestion[];
let verdict: ImageVerdict;
let ttlSeconds: number;
let log: RecordedLog;
const ask: AskPolicy = async (question) => {
  questions.push(question);
  return { ttlSeconds, expiresAt: new Date(Date.now() + 3_600_000), policyRevision: 'rev-1', results: new Map(question.images.map((image) => [image, verdict])) };
};

beforeEach(() => {
  questions = [];
  verdict = { policyVerdict: 'pass', signed: true, hasSbomReferrers: false, reasons: ['fine'] };
  ttlSeconds = 300;
  log = new RecordedLog('observer');
});

test('one question for all containers of an image and namespace, as long as the answer lives', async () => {
  const judgements = new Judgements({ ask, log: log.log });
  const both = await Promise.all([judgements.judge(workloadOf('c1')), judgements.judge(workloadOf('c2'))]);
  expect(both[0]).toEqual({ policyVerdict: 'pass', reasons: ['fine'], policyRevision: 'rev-1', posture: { imageSigned: true, sbomReferrer: false } });
  expect(both[1]).toBe(both[0]);
  await judgements.refresh([workloadOf('c3')]);
  expect(questions).toEqual([{ namespace: 'payments', labels: {}, images: [`registry.test/api@${digest}`] }]);
  await judgements.judge(workloadOf('c1', { namespace: 'other' }));
  expect(questions).toHaveLength(2);
});

test('asks again when the answer has ended; the newest one stays known meanwhile', async () => {
  ttlSeconds = 0;
  const judgements = new Judgements({ ask, log: log.log });
  await judgements.judge(workloadOf('c1'));
  verdict = { ...verdict, policyVerdict: 'fail' };
  expect(judgements.newest(workloadOf('c1'))?.policyVerdict).toBe('pass');
  await judgements.refresh([workloadOf('c1'), workloadOf('c2')]);
  expect(judgements.newest(workloadOf('c1'))?.policyVerdict).toBe('fail');
  expect(questions).toHaveLength(2);
  verdict = { ...verdict, policyVerdict: 'error', signed: false };
  await judgements.refresh([workloadOf('c1')]);
  expect(judgements.newest(workloadOf('c1'))).toMatchObject({ policyVerdict: 'fail', posture: { imageSigned: true } });
});

test('asks about many images in questions of 64', async () => {
  const judgements = new Judgements({ ask, log: log.log });
  await judgements.refresh(Array.from({ length: 130 }, (_, at) => workloadOf(`c${at}`, { imageRef: `registry.test/app-${at}:1` })));
  expect(questions.map(({ images }) => images.length)).toEqual([64, 64, 2]);
});

test('a Scanner that gives no answer is left alone for a while, and that is logged once', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    let fails = true;
    const judgements = new Judgements({ log: log.log, ask: (question, deadlineAt) => (fails ? (questions.push(question), Promise.reject(new ZastavaError('scanner.unavailable', 'down'))) : ask(question, deadlineAt)) });
    expect(await judgements.judge(workloadOf('c1'))).toBeUndefined();
    expect(await judgements.judge(workloadOf('c1'))).toBeUndefined();
    expect(questions).toHaveLength(1);
    vi.advanceTimersByTime(10_001);
    await judgements.judge(workloadOf('c1'));
    expect(questions).toHaveLength(2);
    fails = false;
    vi.advanceTimersByTime(10_001);
    expect(await judgements.judge(workloadOf('c1'))).toMatchObject({ policyVerdict: 'pass' });
    expect(log.lines.map(({ msg }) => msg)).toEqual(['Scanner gives no answer about images: events go without posture', 'Scanner answers about images again']);
  } finally {
    vi.useRealTimers();
  }
});

test('an image is asked about by name and digest: its own, that of its index, that of its manifest', () => {
  const other = `sha256:${'b'.repeat(64)}`;
  expect(imageOf(workloadOf('c', { imageRef: `registry.test/api:1@${other}` }))).toBe(`registry.test/api@${other}`);
  expect(imageOf(workloadOf('c', { imageRef: 'nginx' }))).toBe(`docker.io/library/nginx@${digest}`);
  expect(imageOf(workloadOf('c', { images: { manifest: other } }))).toBe(`registry.test/api@${other}`);
  expect(imageOf(workloadOf('c', { images: { config: other } }))).toBeUndefined();
  expect(imageOf(workloadOf('c', { imageRef: other }))).toBeUndefined();
  expect(imageOf(workloadOf('c', { imageRef: 'NOT an image' }))).toBeUndefined();
});
