import { describe, expect, test } from 'vitest';
import { ZastavaError, type ErrorCode } from '../../../src/contract/errors.ts';
import { decisionReasons } from '../../../src/contract/label-values.ts';
import type { Digest } from '../../../src/contract/oci.ts';
import type { ResolveTag } from '../../../src/registry/resolver.ts';
import { createAdmit, type AdmitParts } from '../../../src/runtime/webhook/admit.ts';
import { weightOf } from '../../../src/runtime/webhook/decision.ts';
import type { PolicyAnswer, PolicyQuestion } from '../../../src/runtime/scanner/policy.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { admissionReview, reviewUid } from '../../fakes/admission-review.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';

const digests = ['0f', '1a', '2b'].map((pair) => `sha256:${pair.repeat(32)}` as Digest);
const [first, second] = digests as [Digest, Digest];
const pinned = `registry.internal/api@${first}`;
const webhook = { enforcement: { default: 'enforce', namespaces: {} }, failOpenNamespaces: [{ name: 'open' }], tagPolicy: 'warn', cacheTtlSeconds: 300, resolveTags: true } as const;

interface Scene {
  readonly webhook?: Partial<AdmitParts['webhook']>;
  readonly verdict?: 'pass' | 'warn' | 'fail' | 'error';
  readonly answer?: (question: PolicyQuestion, deadlineAt: number) => Promise<PolicyAnswer>;
  readonly resolve?: ResolveTag;
}

/** A webhook with a policy that answers by the scene; what it is asked is kept. */
function stage(scene: Scene = {}) {
  const log = new RecordedLog();
  const metrics = new Metrics('webhook', {});
  const questions: PolicyQuestion[] = [];
  const tags: string[] = [];
  const state = { now: new Date('2026-11-24T12:00:00Z'), revision: 'rev-1', verdict: scene.verdict ?? 'pass', tagDigest: first };
  const answer = (question: PolicyQuestion): PolicyAnswer => ({
    ttlSeconds: 100, expiresAt: new Date(state.now.getTime() + 3600_000), policyRevision: state.revision,
    results: new Map(question.images.map((image) => [image, { policyVerdict: state.verdict, signed: true, hasSbomReferrers: true, reasons: [`${state.verdict}.reason`] }])),
  });
  const admit = createAdmit({
    webhook: { ...webhook, ...scene.webhook },
    ask: async (question, deadlineAt) => {
      questions.push(question);
      return scene.answer ? scene.answer(question, deadlineAt) : answer(question);
    },
    resolve: async (reference, deadlineAt) => {
      tags.push(`${reference.name}:${reference.tag}`);
      return scene.resolve ? scene.resolve(reference, deadlineAt) : state.tagDigest;
    },
    log: log.log, metrics, now: () => state.now,
  });
  const send = async (image: string | readonly string[] = pinned, request: object = {}, options: { metadata?: object; ms?: number; overloaded?: boolean } = {}) => {
    const containers = [image].flat().map((name) => ({ name: 'c', image: name }));
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-0', labels: { app: 'api' }, ...options.metadata }, spec: { containers } };
    const { response } = await admit(Buffer.from(JSON.stringify(admissionReview({ object, ...request }))), performance.now() + (options.ms ?? 4000), options.overloaded);
    const record = log.lines.findLast((line) => line['scope'] === 'admission.decision');
    return { ...response, record, decided: `${String(record?.['decision'])} ${String(record?.['mode'])} ${String(record?.['reason'])}` };
  };
  const shown = async () => (await metrics.render()).body;
  const count = async (name: string) => Number(new RegExp(`^${name.replaceAll(/[{}"]/g, '\\$&')} (\\d+)`, 'm').exec((await metrics.render()).body)?.[1] ?? 0);
  return { send, questions, tags, state, log, count, shown, answer };
}

test('each series of failing open is there before the first, so that an alert on its rate sees the first', async () => {
  const failures = decisionReasons.filter((reason) => weightOf[reason] === 'unjudged');
  expect(failures.length).toBeGreaterThan(5);
  const text = await stage().shown();
  for (const reason of failures) expect(text).toContain(`zastava_admission_decisions_total{decision="allow",mode="failOpen",reason="${reason}"} 0`);
});

describe('the webhook', () => {
  test('asks for all images of a Pod at once, with its namespace and labels', async () => {
    const { send, questions } = stage();
    expect(await send([pinned, `docker.io/library/b@${second}`, pinned])).toMatchObject({ uid: reviewUid, allowed: true, decided: 'allow enforced policy.pass' });
    expect(questions).toEqual([{ namespace: 'payments', labels: { app: 'api' }, images: [pinned, `docker.io/library/b@${second}`] }]);
  });

  test('writes each decision as one line with the decision at its top, and counts it', async () => {
    const { send, log, count } = stage({ verdict: 'fail' });
    expect((await send()).allowed).toBe(false);
    expect(log.lines.filter((line) => 'decision' in line)).toEqual([{
      level: 'info', time: expect.any(String), component: 'webhook', scope: 'admission.decision', msg: 'deny (policy.fail)',
      admissionId: reviewUid, namespace: 'payments', pod: 'api-0', podSpecDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      images: [{ name: pinned, resolved: pinned, signed: true, hasSbomReferrers: true, policyVerdict: 'fail', reasons: ['fail.reason'] }],
      decision: 'deny', mode: 'enforced', reason: 'policy.fail', policyRevision: 'rev-1', dryRun: false, ttlSeconds: 100,
    }]);
    expect(await count('zastava_admission_decisions_total{decision="deny",mode="enforced",reason="policy.fail"}')).toBe(1);
  });

  test('answers a dry run alike and does not count it', async () => {
    const { send, count } = stage({ verdict: 'fail' });
    expect(await send(pinned, { dryRun: true })).toMatchObject({ allowed: false, record: { dryRun: true } });
    expect(await count('zastava_admission_decisions_total{decision="deny",mode="enforced",reason="policy.fail"}')).toBe(0);
  });

  test('allows an update that changes no image without asking, whatever else it changes', async () => {
    const { send, questions, tags } = stage({ verdict: 'fail' });
    const oldObject = { spec: { containers: [{ name: 'c', image: 'a:1' }] } };
    expect(await send('a:1', { operation: 'UPDATE', oldObject })).toMatchObject({ allowed: true, decided: 'allow enforced images.unchanged' });
    expect([questions, tags]).toEqual([[], []]);
    expect(await send('a:2', { operation: 'UPDATE', oldObject })).toMatchObject({ allowed: false });
  });

  test('judges an ephemeral container that is added', async () => {
    const { send, questions } = stage({ verdict: 'fail' });
    const containers = [{ image: pinned }];
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-0' }, spec: { containers, ephemeralContainers: [{ image: `debug@${second}` }] } };
    expect(await send('', { operation: 'UPDATE', subResource: 'ephemeralcontainers', object, oldObject: { spec: { containers } } })).toMatchObject({ allowed: false });
    expect(questions[0]?.images).toEqual([pinned, `docker.io/library/debug@${second}`]);
  });

  test('denies a Pod that it cannot read and answers to its uid, or does as the namespace says', async () => {
    const { send } = stage({ webhook: { enforcement: { default: 'enforce', namespaces: { lab: 'warn' } } } });
    expect(await send('', { object: { kind: 'Pod' } })).toMatchObject({ uid: reviewUid, allowed: false, decided: 'deny enforced review.invalid' });
    expect(await send('', { object: { kind: 'Pod' }, namespace: 'open' })).toMatchObject({ allowed: false });
    expect(await send('', { object: { kind: 'Pod' }, namespace: 'lab' })).toMatchObject({ allowed: true, decided: 'allow warned review.invalid', warnings: [expect.stringContaining('it cannot be read')] });
  });
});

describe('tags', () => {
  test('are resolved at every time, and trust follows the digest', async () => {
    const { send, state, questions, tags } = stage();
    expect((await send('registry.internal/api:1')).record).toMatchObject({ images: [{ name: 'registry.internal/api:1', resolved: pinned }] });
    expect(await send('registry.internal/api:1')).toMatchObject({ decided: 'allow cached policy.pass' });
    state.tagDigest = second;
    state.verdict = 'fail';
    expect(await send('registry.internal/api:1')).toMatchObject({ allowed: false, record: { images: [{ resolved: `registry.internal/api@${second}` }] } });
    expect([tags.length, questions.length]).toEqual([3, 2]);
  });

  test('beside a digest are not looked at', async () => {
    const { send, tags, questions } = stage();
    expect((await send(`registry.internal/api:1@${first}`)).warnings).toBeUndefined();
    expect([tags, questions[0]?.images]).toEqual([[], [pinned]]);
  });

  test('that cannot be resolved are an error, and the registry\'s words are passed on', async () => {
    const { send, questions, log } = stage({ resolve: () => Promise.reject(new ZastavaError('registry.unlisted', 'evil.example is not listed')) });
    const { status, decided } = await send(['evil.example/x', pinned]);
    expect([decided, questions.length]).toEqual(['deny enforced tag.unresolved', 1]);
    expect(status?.message).toContain('its tag was not resolved to a digest (evil.example is not listed). Do: name the image by its digest');
    expect(log.find('tag not resolved')).toMatchObject({ image: 'evil.example/x:latest', error: { code: 'registry.unlisted' } });
    expect(await send('evil.example/x', { namespace: 'open' })).toMatchObject({ decided: 'allow failOpen tag.unresolved' });
  });

  test('are an error where they are not to be resolved, and refused where only digests are accepted', async () => {
    const off = stage({ webhook: { resolveTags: false } });
    expect(await off.send('a:1')).toMatchObject({ decided: 'deny enforced tag.unresolved', status: { message: expect.stringContaining('switched off') } });
    const strict = stage({ webhook: { tagPolicy: 'deny' } });
    expect(await strict.send('a:1')).toMatchObject({ decided: 'deny enforced tag.refused' });
    expect(await strict.send('a:1', { namespace: 'open' })).toMatchObject({ decided: 'deny enforced tag.refused' });
    expect([off.tags, strict.tags, strict.questions]).toEqual([[], [], []]);
  });
});

describe('the cache', () => {
  test('saves the question for the same image, namespace and labels, and for no other', async () => {
    const { send, questions, count } = stage();
    await send();
    expect(await send()).toMatchObject({ decided: 'allow cached policy.pass', record: { mode: 'cached', ttlSeconds: 100 } });
    expect(questions).toHaveLength(1);
    await send(pinned, { namespace: 'other' });
    await send(pinned, {}, { metadata: { labels: { app: 'other' } } });
    await send(`registry.internal/api@${second}`);
    expect(questions).toHaveLength(4);
    expect([await count('zastava_admission_cache_hits_total'), await count('zastava_admission_cache_misses_total')]).toEqual([1, 4]);
  });

  test('asks only for the images that it does not have', async () => {
    const { send, questions } = stage();
    await send();
    expect(await send([pinned, `b@${second}`])).toMatchObject({ decided: 'allow enforced policy.pass' });
    expect(questions[1]?.images).toEqual([`docker.io/library/b@${second}`]);
  });

  test('ends with its time and with the policy revision', async () => {
    const { send, state, questions } = stage();
    await send();
    state.now = new Date(state.now.getTime() + 101_000);
    expect((await send()).decided).toBe('allow enforced policy.pass');
    state.revision = 'rev-2';
    await send(`b@${second}`);
    expect((await send()).decided).toBe('allow enforced policy.pass');
    expect(questions).toHaveLength(4);
  });

  test('keeps neither errors nor what failed open', async () => {
    const unsure = stage({ verdict: 'error' });
    expect([(await unsure.send()).decided, (await unsure.send(pinned, { namespace: 'open' })).decided, (await unsure.send(pinned, { namespace: 'open' })).decided])
      .toEqual(['deny enforced policy.error', 'allow failOpen policy.error', 'allow failOpen policy.error']);
    expect(unsure.questions).toHaveLength(3);
  });

  test('is not asked twice for one thing at the same time', async () => {
    const { send, questions } = stage();
    const all = await Promise.all([send(), send(), send(), send(pinned, { namespace: 'other' })]);
    expect(all.every(({ allowed }) => allowed)).toBe(true);
    expect(questions).toHaveLength(2);
  });
});

describe('without a verdict', () => {
  test.each([
    ['scanner.unavailable', 'backend.unavailable'],
    ['scanner.throttled', 'backend.unavailable'],
    ['scanner.timeout', 'backend.timeout'],
    ['scanner.rejected', 'backend.rejected'],
    ['scanner.answer-invalid', 'backend.rejected'],
    ['authority.unavailable', 'authority.unavailable'],
    ['authority.throttled', 'authority.unavailable'],
    ['authority.rejected', 'authority.rejected'],
    ['authority.token-invalid', 'authority.rejected'],
    ['authority.key-invalid', 'authority.rejected'],
    ['internal', 'webhook.failed'],
  ] satisfies [ErrorCode, string][])('%s: the reason is %s, denied where it is enforced and allowed where it fails open', async (code, reason) => {
    const { send, log, count } = stage({ answer: () => Promise.reject(new ZastavaError(code, 'told so')) });
    expect(await send()).toMatchObject({ allowed: false, decided: `deny enforced ${reason}`, status: { code: 503, message: expect.stringContaining('(told so)') } });
    expect(await send(pinned, { namespace: 'open' })).toMatchObject({ allowed: true, decided: `allow failOpen ${reason}`, warnings: [expect.stringContaining('no verdict')] });
    expect(log.find('no verdict')).toMatchObject({ level: 'warn', scope: 'admission.policy', admissionId: reviewUid, reason, error: { code } });
    expect(await count(`zastava_admission_decisions_total{decision="deny",mode="enforced",reason="${reason}"}`)).toBe(1);
    expect(await count(`zastava_admission_decisions_total{decision="allow",mode="failOpen",reason="${reason}"}`)).toBe(1);
  });

  test('an answer that leaves an image out is none for that image', async () => {
    const { send } = stage({ answer: async () => ({ ttlSeconds: 1, expiresAt: new Date(), policyRevision: 'r', results: new Map() }) });
    expect(await send()).toMatchObject({ decided: 'deny enforced backend.rejected' });
  });

  test('a mistake of ours is a denial, and its words stay in the log', async () => {
    const { send, log } = stage({ answer: () => Promise.reject(new TypeError('secret detail')) });
    const { status, decided } = await send();
    expect(decided).toBe('deny enforced webhook.failed');
    expect(status?.message).not.toContain('secret detail');
    expect(log.text).toContain('secret detail');
  });

  test('answers at the deadline though nobody keeps it, says what it waited for, and keeps what comes late', async () => {
    const wait = Promise.withResolvers<void>();
    const scene = stage({
      answer: async (question) => {
        await wait.promise;
        return scene.answer(question);
      },
    });
    expect(await scene.send(pinned, {}, { ms: 20 })).toMatchObject({ decided: 'deny enforced backend.timeout', status: { message: expect.stringContaining('while waiting for the verdict of Scanner') } });
    wait.resolve();
    expect(await scene.send()).toMatchObject({ allowed: true });
    const slow = stage({ resolve: () => new Promise(() => {}) });
    expect(await slow.send('registry.internal/api:1', {}, { ms: 20 })).toMatchObject({ decided: 'deny enforced tag.unresolved', status: { message: expect.stringContaining('while waiting for the tag at registry.internal') } });
  });

  test('asks nobody when there is no time left', async () => {
    const { send, questions } = stage();
    expect(await send(pinned, {}, { ms: -1 })).toMatchObject({ decided: 'deny enforced backend.timeout' });
    expect(questions).toEqual([]);
  });

  test('asks nobody when there is too much to do, and goes by the cache', async () => {
    const { send, questions, tags } = stage();
    expect(await send(pinned, {}, { overloaded: true })).toMatchObject({ decided: 'deny enforced webhook.overloaded' });
    expect(await send(pinned, { namespace: 'open' }, { overloaded: true })).toMatchObject({ decided: 'allow failOpen webhook.overloaded' });
    expect(await send('a:1', {}, { overloaded: true })).toMatchObject({ decided: 'deny enforced webhook.overloaded' });
    expect([questions, tags]).toEqual([[], []]);
    await send();
    expect(await send(pinned, {}, { overloaded: true })).toMatchObject({ decided: 'allow cached policy.pass' });
  });
});
