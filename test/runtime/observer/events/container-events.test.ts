import { beforeEach, expect, test, vi } from 'vitest';
import { metrics as catalogue } from '../../../../src/contract/metrics.ts';
import { ContainerEvents, type ContainerEventsParts } from '../../../../src/runtime/observer/events/container-events.ts';
import type { Judgement } from '../../../../src/runtime/observer/events/judgements.ts';
import { startLaterLooks } from '../../../../src/runtime/observer/events/later-looks.ts';
import { RunningContainers } from '../../../../src/runtime/observer/events/running.ts';
import type { ObservedProcess, ObservedSnapshot, Unseen } from '../../../../src/runtime/observer/sources/process-facts.ts';
import { Metrics } from '../../../../src/runtime/telemetry/metrics.ts';
import { RecordedLog } from '../../../fakes/recorded-log.ts';
import { digest, factOf, KeptEvents, observed, workloadOf } from './occurrences.ts';

let kept: KeptEvents;
let running: RunningContainers;
let metrics: Metrics;
let log: RecordedLog;
let seen: ObservedProcess | Unseen;
let layers: ObservedSnapshot | Unseen;
let judgement: Promise<Judgement | undefined>;

const judged = (policyVerdict: Judgement['policyVerdict'], policyRevision: string, signed = true): Judgement => ({ policyVerdict, policyRevision, reasons: ['r1'], posture: { imageSigned: signed, sbomReferrer: true } });
const rootfs = { upper: '/up', lowers: ['/low'] };

beforeEach(async () => {
  kept = new KeptEvents();
  log = new RecordedLog('observer');
  metrics = new Metrics('observer', {});
  running = await RunningContainers.load({ buffer: kept, log: log.log });
  seen = observed;
  layers = { idKind: 'unreadable' };
  judgement = Promise.resolve(undefined);
});

function create(parts: Partial<ContainerEventsParts> = {}): ContainerEvents {
  const facts = { process: async () => seen, snapshot: async () => layers };
  const judgements = { judge: () => judgement };
  return new ContainerEvents({ origin: () => ({ tenant: 'acme', node: 'n', version: '2.4' }), bootId: 'boot', facts, judgements, running, buffer: kept, metrics, log: log.log, ...parts });
}

test('a stop waits for its own start, and nobody else does', async () => {
  const { promise, resolve } = Promise.withResolvers<ObservedProcess>();
  const events = create({ facts: { process: async () => (kept.stored.length === 0 ? promise : observed), snapshot: async () => layers } });
  await events.take(factOf('start', 'slow'));
  await events.take(factOf('stop', 'slow', { exitStatus: 1 }));
  seen = observed;
  const other = create();
  await other.take(factOf('start', 'other'));
  await other.idle();
  expect(kept.told).toEqual(['containerStart other']);
  resolve(observed);
  await events.idle();
  expect(kept.told).toEqual(['containerStart other', 'containerStart slow', 'containerStop slow']);
  expect(running.all().map(({ fact }) => fact.containerId)).toEqual(['other']);
});

test('further facts wait when 64 are under way', async () => {
  const { promise, resolve } = Promise.withResolvers<ObservedProcess>();
  const events = create({ facts: { process: () => promise, snapshot: async () => layers } });
  const earliest = new Date('2026-01-01T00:00:00Z');
  for (let at = 0; at < 64; at++) await events.take(factOf('start', `c${at}`, at === 30 ? { at: earliest } : {}));
  let taken = false;
  expect(events.untoldSince()).toEqual(earliest);
  const last = events.take(factOf('start', 'last')).then(() => (taken = true));
  await new Promise((done) => setImmediate(done));
  expect(taken).toBe(false);
  resolve(observed);
  await last;
  await events.idle();
  expect(kept.told).toHaveLength(65);
  expect(events.untoldSince()).toBeUndefined();
});

test('a process that is gone is read from its layers, and else named by its command', async () => {
  const events = create();
  seen = { idKind: 'exited' };
  const { facts: { pid: _, startTime: __, ...facts } } = observed;
  layers = { facts, libs: observed.libs, evidence: [{ signal: 'snapshot', value: '/app' }], drift: [] };
  await events.take(factOf('start', 'c1', { rootfs }));
  await events.idle();
  layers = { idKind: 'unreadable' };
  await events.take(factOf('start', 'c2', { rootfs, evidence: 'reconcile' }));
  await events.take(factOf('start', 'c3'));
  await events.idle();
  expect(kept.events.map(({ process, loadedLibs, evidence }) => [process, loadedLibs?.length, evidence.map(({ signal }) => signal)])).toEqual([
    [{ ...facts, pid: 7, startTime: 0 }, 1, ['containerd.task.start', 'snapshot']],
    [{ pid: 7, startTime: 0, entrypoint: ['/app'], entryTrace: [], idKind: 'exited' }, 0, ['reconcile']],
    [{ pid: 7, startTime: 0, entrypoint: ['/app'], entryTrace: [], idKind: 'exited' }, 0, ['containerd.task.start']],
  ]);
  expect((await metrics.render()).body).toContain(`${catalogue.processesWithoutBuildId.name}{idKind="exited"} 2\n`);
});

test('drift is told beside the start, each file once', async () => {
  const events = create();
  seen = { ...observed, drift: [{ path: '/tmp/x', change: 'new' }, { path: '/app', change: 'changed' }] };
  await events.take(factOf('start', 'c1', { rootfs }));
  await events.idle();
  expect(kept.told).toEqual(['containerStart c1', 'drift c1']);
  expect(kept.events[1]?.delta).toEqual({ baselineImageDigest: digest, changedFiles: ['/app'], newBinaries: ['/tmp/x'] });
  const later = { ...observed, drift: [{ path: '/app', change: 'changed' }, { path: '/tmp/y', change: 'new' }] as const };
  const endLooks = startLaterLooks({
    running, facts: { changed: async () => [{ containerId: 'c1', pid: 8 }, { containerId: 'ended', pid: 9 }], process: async () => later },
    judgements: { refresh: async () => {}, newest: () => undefined }, events, log: log.log, everyMs: 5,
  });
  await vi.waitFor(() => expect(kept.told).toEqual(['containerStart c1', 'drift c1', 'drift c1']));
  await endLooks();
  expect(kept.events[2]?.delta).toEqual({ baselineImageDigest: digest, changedFiles: [], newBinaries: ['/tmp/y'] });
  expect(log.lines).toEqual([]);
});

test('a violation is told once a container and revision, a change of posture each time', async () => {
  const events = create();
  judgement = Promise.resolve(judged('fail', 'rev-1', false));
  await events.take(factOf('start', 'c1'));
  await events.idle();
  const [container] = running.all();
  await events.tellJudgement(container!, judged('fail', 'rev-1', false), new Date());
  expect(kept.told).toEqual(['containerStart c1', 'policyViolation c1']);
  expect(kept.events[0]?.posture).toEqual({ imageSigned: false, sbomReferrer: true });
  await events.tellJudgement(container!, judged('pass', 'rev-2'), new Date());
  await events.tellJudgement(container!, judged('fail', 'rev-3'), new Date());
  expect(kept.told.slice(2)).toEqual(['attestationStatus c1', 'policyViolation c1']);
  expect(kept.events[2]).toMatchObject({ posture: { imageSigned: true }, evidence: [{ signal: 'policy.revision', value: 'rev-2' }] });
});

test('a start does not wait for a slow policy, whose answer is told when it comes', async () => {
  const { promise, resolve } = Promise.withResolvers<Judgement>();
  judgement = promise;
  const events = create();
  await events.take(factOf('start', 'c1'));
  await events.idle();
  expect(kept.events).toMatchObject([{ kind: 'containerStart' }]);
  expect(kept.events[0]).not.toHaveProperty('posture');
  resolve(judged('fail', 'rev-1', false));
  await vi.waitFor(() => expect(kept.told).toEqual(['containerStart c1', 'policyViolation c1']));
});

test('what runs outlives the program, without the environment of containers', async () => {
  const events = create();
  judgement = Promise.resolve(judged('pass', 'rev-1'));
  seen = { ...observed, drift: [{ path: '/tmp/x', change: 'new' }] };
  await events.take(factOf('start', 'c1', { rootfs }));
  await events.idle();
  await running.save();
  expect([...kept.facts.values()].join('')).not.toContain('very-secret');
  const next = await RunningContainers.load({ buffer: kept, log: log.log });
  expect(next.all()).toEqual([{
    fact: { ...factOf('start', 'c1', { rootfs }), workload: workloadOf('c1'), spec: { args: ['/app'], env: [], cwd: '/' } },
    bootId: 'boot', process: observed.facts, posture: { imageSigned: true, sbomReferrer: true }, drifted: new Set(['new /tmp/x']),
  }]);
});

test('what an earlier version left is passed over when it cannot be read', async () => {
  kept.facts.set('running', '[{"fact":1}]');
  expect((await RunningContainers.load({ buffer: kept, log: log.log })).all()).toEqual([]);
  expect(log.lines).toMatchObject([{ level: 'warn', scope: 'containers' }]);
});
