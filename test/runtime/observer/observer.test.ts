/** The whole observer as a process of its own, between a containerd, an Authority and a Scanner of the tests; the processes are real. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { programEnv } from '../../../src/contract/programs.ts';
import type { EventBatch, RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { Backends } from '../../fakes/backends.ts';
import { FakeContainerd } from '../../fakes/containerd-server.ts';
import { RuntimeProgram } from '../../fakes/runtime-program.ts';

let folder: string;
let containerd: FakeContainerd;
let backends: Backends;
let program: ChildProcess;

beforeEach(async () => {
  folder = mkdtempSync('/var/tmp/zastava-observer-');
  containerd = new FakeContainerd(join(folder, 'containerd'));
  await containerd.start();
  // The values refuse the program's own /proc and /tmp, and one folder in another.
  symlinkSync('/proc', join(folder, 'proc'));
  backends = await Backends.start();
  program = spawn('sleep', ['600'], { stdio: 'ignore' });
});
afterEach(async () => {
  program.kill('SIGKILL');
  containerd.stop();
  await backends[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function start(): RuntimeProgram {
  const { config, env } = backends.program({}, {}, { procRoot: join(folder, 'proc'), flushIntervalSeconds: 1, containerd: { socket: containerd.socket, root: containerd.root } });
  return new RuntimeProgram('observer', { config, env: { ...env, [programEnv.bufferDir]: join(folder, 'buffer'), NODE_NAME: 'node-a' } });
}

const batches = (): EventBatch[] => backends.scanner.batches as unknown as EventBatch[];
const events = (): RuntimeEvent[] => batches().flatMap((batch) => batch.events.map(({ event }) => event));
const told = (): string[] => events().map(({ kind, workload }) => `${kind} ${workload.containerId}`);
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 20_000 });

const digest = `sha256:${'a'.repeat(64)}`;
const image = `registry.test/payments/api@${digest}`;

test('delivers a start with process, libraries and posture, and its stop', async () => {
  await using observer = start();
  await observer.line('stream of container events live');
  // The first of an image does not wait long for the policy's answer; the second has it.
  containerd.startContainer('c0', program.pid!, { image });
  await eventually(() => expect([told(), backends.scanner.questions.length]).toEqual([['containerStart containerd://c0'], 1]));
  containerd.startContainer('c1', program.pid!, { image });
  await eventually(() => expect(told()).toHaveLength(2));
  const event = events()[1];
  expect(event).toMatchObject({
    eventId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), tenant: 'acme', node: 'node-a', runtime: { engine: 'containerd', version: '2.4.9' },
    workload: { namespace: 'payments', pod: 'api-1', container: 'api', imageRef: image },
    process: { pid: program.pid, entrypoint: ['/app', 'c1'], buildId: expect.stringMatching(/^[0-9a-f]{40}$/), idKind: 'gnu' },
    posture: { imageSigned: true, sbomReferrer: true },
    evidence: expect.arrayContaining([{ signal: 'containerd.task.start', value: '/tasks/start' }]),
  });
  expect(event?.loadedLibs?.map(({ path }) => path)).toContainEqual(expect.stringMatching(/\/libc\.so\.6$/));
  expect(backends.scanner.questions).toEqual([{ namespace: 'payments', labels: {}, images: [image] }]);
  containerd.stopContainer('c1', 3);
  await eventually(() => expect(told()).toEqual(['containerStart containerd://c0', 'containerStart containerd://c1', 'containerStop containerd://c1']));
  expect(events()[2]).toMatchObject({ process: { startTime: event?.process?.startTime }, evidence: [{ signal: 'containerd.task.exit', value: '/tasks/exit' }, { signal: 'exitStatus', value: '3' }] });
  const base = `http://127.0.0.1:${await observer.port('telemetry')}`;
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  expect(metrics).toMatch(/zastava_runtime_events_total\{[^}]*kind="containerStart"[^}]*\} 2\n/);
  observer.signal('SIGTERM');
  expect([await observer.exit(), observer.stderr]).toEqual([0, '']);
});

test('killed and started again, it tells what stopped meanwhile, nothing twice, and declares the time without it', async () => {
  {
    await using observer = start();
    await observer.line('stream of container events live');
    containerd.startContainer('stays', program.pid!);
    containerd.startContainer('goes', 999_999_999);
    await eventually(() => expect(told()).toHaveLength(2));
    observer.signal('SIGTERM');
    await observer.exit();
  }
  expect(events().find(({ workload }) => workload.containerId === 'containerd://goes')?.process).toMatchObject({ idKind: 'exited', entrypoint: ['/app', 'goes'] });
  containerd.stopContainer('goes', 0, false);
  {
    await using _observer = start();
    await eventually(() => expect(told()).toEqual([expect.any(String), expect.any(String), 'containerStop containerd://goes']));
    await eventually(() => expect(batches().flatMap(({ gaps = [] }) => gaps)).toEqual([expect.objectContaining({ reason: 'streamLost', count: 0 })]));
  }
});

test('an image that runs and that the policy fails is told, with its reasons', async () => {
  backends.scanner.options = { ...backends.scanner.options, judge: () => ({ policyVerdict: 'fail', signed: false, hasSbomReferrers: false, reasons: ['unsigned'] }) };
  await using observer = start();
  await observer.line('stream of container events live');
  containerd.startContainer('c1', program.pid!, { image });
  await eventually(() => expect(told()).toEqual(['containerStart containerd://c1', 'policyViolation containerd://c1']));
  // The verdict may have come after the start, and then is told without it.
  expect(events()[1]).toMatchObject({ posture: { imageSigned: false, sbomReferrer: false }, evidence: [{ signal: 'policy.revision', value: 'rev-1' }, { signal: 'policy.reason', value: 'unsigned' }] });
});
