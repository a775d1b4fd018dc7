import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openContainerdSource, type ContainerdOptions, type ContainerdSource } from '../../../../src/runtime/observer/sources/containerd.ts';
import type { ContainerFact } from '../../../../src/runtime/observer/sources/containerd-facts.ts';
import { Metrics } from '../../../../src/runtime/telemetry/metrics.ts';
import { FakeContainerd, timestampOf } from '../../../fakes/containerd-server.ts';
import { RecordedLog } from '../../../fakes/recorded-log.ts';

let folder: string;
let containerd: FakeContainerd;
let source: ContainerdSource | undefined;
let facts: ContainerFact[];
let blind: { from: Date; to: Date }[];
let metrics: Metrics;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'zastava-containerd-'));
  containerd = new FakeContainerd(folder);
  facts = [];
  blind = [];
  metrics = new Metrics('observer', {});
  await containerd.start();
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  containerd.stop();
  rmSync(folder, { recursive: true });
});

function open(options: Partial<ContainerdOptions> = {}): ContainerdSource {
  const { socket, root } = containerd;
  source = openContainerdSource({
    socket, root, namespace: 'k8s.io', procRoot: '/proc', log: new RecordedLog('observer').log, metrics,
    onFact: (fact) => void facts.push(fact), onBlind: (interval) => void blind.push(interval), lookMs: 3_600_000, ...options,
  });
  return source;
}

async function live(): Promise<void> {
  await vi.waitFor(() => expect(source?.health()).toBeNull(), { timeout: 10_000 });
}

const told = (): string[] => facts.map(({ kind, containerId, pid, evidence }) => `${kind} ${containerId} ${pid} ${evidence}`);
const tells = (...lines: string[]): Promise<void> => vi.waitFor(() => expect(told()).toEqual(lines), { timeout: 10_000 });

test('tells of a start and a stop with Pod, command, file system and exit status', async () => {
  open();
  await live();
  containerd.mounts.set('c1', [{ type: 'overlay', source: 'overlay', options: ['workdir=/w', 'upperdir=/s/3/fs', 'lowerdir=/s/2/fs:/s/1/fs'] }]);
  containerd.startContainer('c1', 41);
  await tells('start c1 41 event');
  containerd.stopContainer('c1', 137);
  await tells('start c1 41 event', 'stop c1 41 event');
  expect(facts[0]).toMatchObject({
    workload: { platform: 'kubernetes', namespace: 'payments', pod: 'api-1', podUid: 'uid-1', container: 'api', containerId: 'containerd://c1', imageRef: 'registry.test/api:1', images: {} },
    rootfs: { upper: '/s/3/fs', lowers: ['/s/2/fs', '/s/1/fs'] },
    spec: { args: ['/app', 'c1'], env: ['A=b'], cwd: '/srv' },
  });
  expect(facts[1]).toMatchObject({ exitStatus: 137, workload: { pod: 'api-1' } });
  expect(source?.version()).toBe('2.4.9');
});

test('takes its first look only after a probe of its own came out of the stream', async () => {
  containerd.deafFor = 3;
  containerd.add('early', 7);
  open();
  await tells('start early 7 reconcile');
  const list = containerd.calls.indexOf('containerd.services.tasks.v1.Tasks/List');
  expect(containerd.calls.slice(0, list).filter((call) => call.endsWith('/Publish'))).toHaveLength(4);
});

test('tells once of what begins between the probe and the first look', async () => {
  containerd.before = (method) => {
    if (method.endsWith('Tasks/List')) containerd.startContainer('between', 9);
  };
  open();
  await live();
  containerd.stopContainer('between');
  await tells('start between 9 reconcile', 'stop between 9 event');
});

test('tells of a container that was gone before it could be asked about', async () => {
  open();
  await live();
  containerd.tell('/containers/create', 'ContainerCreate', { id: 'gone', image: 'registry.test/job:1' });
  containerd.tell('/tasks/create', 'TaskCreate', { containerId: 'gone', pid: 5, rootfs: [{ type: 'bind', source: '/s/9/fs', options: ['rw', 'rbind'] }] });
  containerd.tell('/tasks/start', 'TaskStart', { containerId: 'gone', pid: 5 });
  containerd.tell('/tasks/exit', 'TaskExit', { containerId: 'gone', id: 'gone', pid: 5, exitStatus: 0 });
  await tells('start gone 5 event', 'stop gone 5 event');
  expect(facts[0]).toMatchObject({ rootfs: { upper: '/s/9/fs', lowers: [] }, workload: { containerId: 'containerd://gone', imageRef: 'registry.test/job:1' } });
});

test('tells of a stop of which only the removal of the container was told', async () => {
  open();
  await live();
  containerd.startContainer('c', 1);
  containerd.tell('/containers/delete', 'ContainerDelete', { id: 'c' });
  await tells('start c 1 event', 'stop c 1 event');
  expect(facts[1]).not.toHaveProperty('exitStatus');
});

test('puts duplicates and events in the wrong order right, and passes over sandboxes and programs started later', async () => {
  open();
  await live();
  const at = (seconds: number): Date => new Date(1_700_000_000_000 + seconds * 1000);
  const start = (pid: number, second: number): void => containerd.tell('/tasks/start', 'TaskStart', { containerId: 'c', pid }, at(second));
  const exit = (pid: number, second: number, id = 'c'): void => containerd.tell('/tasks/exit', 'TaskExit', { containerId: 'c', id, pid, exitedAt: timestampOf(at(second)) }, at(second));
  containerd.add('c', 1);
  exit(1, 2); // before its start
  start(1, 1);
  start(1, 1);
  exit(1, 2);
  start(2, 3);
  exit(99, 4, 'exec-1');
  start(1, 1); // long over
  start(3, 5); // the stop of 2 was never told
  containerd.startContainer('pause', 50, { labels: { 'io.cri-containerd.kind': 'sandbox' } });
  containerd.tell('/tasks/exit', 'TaskExit', { containerId: 'pause', id: 'pause', pid: 50 });
  exit(3, 6);
  await tells('start c 1 event', 'stop c 1 event', 'start c 2 event', 'stop c 2 event', 'start c 3 event', 'stop c 3 event');
});

test('tells after a restart of containerd what it missed, and from when to when it was blind', async () => {
  open();
  await live();
  for (const pid of [1, 2, 3]) containerd.startContainer(`c${pid}`, pid);
  await tells('start c1 1 event', 'start c2 2 event', 'start c3 3 event');
  containerd.stop();
  await vi.waitFor(() => expect(source?.health()).toMatch(/no socket at .*zastava\.observer\.containerd\.socket/), { timeout: 10_000 });
  expect((await metrics.render()).body).toContain('zastava_runtime_stream_up{stream="containerd"} 0');
  containerd.stopContainer('c1', 0, false);
  containerd.tasks.set('c2', { id: 'c2', pid: 2, status: 3, exitStatus: 143, exitedAt: timestampOf(new Date(1_700_000_000_000)) });
  containerd.add('c4', 4);
  await containerd.start();
  await live();
  await tells('start c1 1 event', 'start c2 2 event', 'start c3 3 event', 'stop c1 1 reconcile', 'stop c2 2 reconcile', 'start c4 4 reconcile');
  expect(facts[4]).toMatchObject({ exitStatus: 143, at: new Date(1_700_000_000_000) });
  expect(blind).toHaveLength(1);
  expect(blind[0]!.from.getTime()).toBeLessThan(blind[0]!.to.getTime());
  const { body } = await metrics.render();
  expect(body).toContain('zastava_runtime_stream_up{stream="containerd"} 1');
  expect(body).toContain('corrections_total{correction="missedStart"} 1');
  expect(body).toContain('corrections_total{correction="missedStop"} 2');
});

test('connects again when only the stream ended', async () => {
  open();
  await live();
  containerd.endStreams();
  await vi.waitFor(() => expect(blind).toHaveLength(1), { timeout: 10_000 });
  containerd.startContainer('after', 8);
  await tells('start after 8 event');
});

test('keeps a task that the list left out because its shim was slow', async () => {
  open({ lookMs: 20 });
  await live();
  containerd.startContainer('c', 1);
  await tells('start c 1 event');
  let looks = 0;
  containerd.before = (method) => {
    if (!method.endsWith('Tasks/List')) return;
    looks += 1;
    const task = containerd.tasks.get('c')!;
    containerd.tasks.delete('c');
    setImmediate(() => containerd.tasks.set('c', task));
  };
  await vi.waitFor(() => expect(looks).toBeGreaterThan(2), { timeout: 10_000 });
  containerd.before = () => {};
  expect(told()).toEqual(['start c 1 event']);
});

test('finds on its slow clock what no event told', async () => {
  open({ lookMs: 20 });
  await live();
  containerd.add('silent', 6);
  await tells('start silent 6 reconcile');
  containerd.stopContainer('silent', 0, false);
  await tells('start silent 6 reconcile', 'stop silent 6 reconcile');
});

test('loses nothing, and keeps the order, when facts are taken slowly', async () => {
  open({
    onFact: async (fact) => {
      if (facts.length % 100 === 0) await sleep(5);
      facts.push(fact);
    },
  });
  await live();
  const count = 1500;
  for (let pid = 1; pid <= count; pid += 1) containerd.tell('/tasks/start', 'TaskStart', { containerId: `c${pid}`, pid });
  await vi.waitFor(() => expect(facts).toHaveLength(count), { timeout: 30_000 });
  expect(facts.map(({ pid }) => pid)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
}, 60_000);

test('goes on when a fact is refused, and does not tell again what an earlier life told', async () => {
  containerd.add('old', 1);
  const known: ContainerFact[] = [1, 2].map((pid) => ({
    kind: 'start', containerId: pid === 1 ? 'old' : 'ended', pid, at: new Date(0), evidence: 'event', spec: { args: [], env: [], cwd: '/' },
    workload: { platform: 'kubernetes', namespace: '', pod: '', podUid: '', container: '', containerId: `containerd://${pid}`, imageRef: '', images: {} },
  }));
  const since = new Date(0);
  open({
    known, blindSince: since,
    onFact: (fact) => {
      facts.push(fact);
      throw new Error('no room');
    },
  });
  await live();
  containerd.startContainer('new', 3);
  await tells('stop ended 2 reconcile', 'start new 3 event');
  expect(blind[0]?.from).toBe(since);
});

test('says that pids are not the node’s, and what to set', async () => {
  containerd.pidns = 1;
  open();
  await vi.waitFor(() => expect(source?.health()).toMatch(/hostPID: true/), { timeout: 10_000 });
});

test('says that the path is not a socket, and that nobody listens', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  open({ socket: file });
  await vi.waitFor(() => expect(source?.health()).toMatch(/is not a socket/), { timeout: 10_000 });
});

test('calls nothing but what reads, and the probe', async () => {
  open({ lookMs: 20 });
  await live();
  containerd.startContainer('c', 1);
  await vi.waitFor(() => expect(facts).toHaveLength(1), { timeout: 10_000 });
  for (const call of new Set(containerd.calls)) expect(call).toMatch(/\/(Get|List|Mounts|Version|Server|Subscribe|Publish)$/);
});
