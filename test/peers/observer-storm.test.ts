/** Storms of starts on real containerds, through the client and the CRI: none is missed and none is told twice, whoever is killed meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gap } from '../../src/contract/runtime-event.ts';
import { eventually } from './harness/commands.ts';
import type { Pod } from './harness/cri.ts';
import { checkWire } from './harness/event-journal.ts';
import { engines, inTurns, needsOf, ObservedNode, type StartedContainer } from './harness/observed-node.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import { readelfIds } from './harness/workloads.ts';

const [wait, brief] = [['/app/wait'], ['/app/brief']] as const;

for (const engine of engines) {
  describeWith(needsOf(engine), engine.title, () => {
    const folder = scratch('storm', '/var/tmp');
    let node: ObservedNode;
    let pod: Pod;

    beforeAll(async () => {
      node = await ObservedNode.start(engine, folder);
      await node.startObserver().line('ready', 'readiness');
      pod = await node.runPod('payments', 'storm');
    });
    afterAll(() => node?.[Symbol.asyncDispose]());

    /** How often a start was told of each of these, and what it says of where it is from. */
    const toldOf = (containers: readonly { readonly id: string }[]): unknown[] => containers.map(({ id }) => node.journal.of('containerStart', id).map(({ evidence, workload }) => [evidence[0]?.signal, workload.images]));
    const once = (signal: string): unknown => [[signal, node.images]];
    const live = async (): Promise<void> => {
      const before = node.observer!.lines.filter(({ msg }) => msg === 'stream of container events live').length;
      await eventually(async () => expect(node.observer!.lines.filter(({ msg }) => msg === 'stream of container events live').length).toBeGreaterThan(before));
    };
    /** Killed in the middle, containerd leaves folders of snapshots that it knows nothing of: it refuses a start for each, and takes the folder away. */
    const inTheEnd = (start: () => Promise<StartedContainer>): Promise<StartedContainer> => eventually(start);
    const lostBetween = (from: Date, to: Date): Gap | undefined => node.journal.gaps().find((gap) => gap.reason === 'streamLost' && Date.parse(gap.from) <= from.getTime() && Date.parse(gap.to) >= to.getTime());

    test('misses none of two hundred starts, the half of which lives 5 ms', async () => {
      const lasting: StartedContainer[] = [];
      const short: StartedContainer[] = [];
      const hundred = Array.from({ length: 100 }, (_, at) => at % 2 === 0);
      await Promise.all([
        inTurns(hundred, 3, async (lasts) => (lasts ? lasting : short).push(await (lasts ? node.startByClient(wait) : node.startByClient(brief, '--rm')))),
        inTurns(hundred, 3, async (lasts) => (lasts ? lasting : short).push(await node.startByCri(pod, lasts ? wait : brief))),
      ]);
      const all = [...lasting, ...short];
      await eventually(async () => expect(toldOf(all)).toEqual(all.map(() => once('containerd.task.start'))));
      const tasks = await node.tasks();
      for (const [programs, { buildId }] of [[lasting, await readelfIds(join(node.files, 'app/wait'))], [short, await readelfIds(join(node.files, 'app/brief'))]] as const) {
        for (const { id, args, pod: { namespace, name, uid }, container } of programs) {
          expect(node.journal.of('containerStart', id)[0]).toMatchObject({
            workload: { namespace, pod: name, podUid: uid, container, imageRef: node.imageName },
            process: { entrypoint: args, entryTrace: args, buildId, ...(programs === lasting && { pid: tasks.get(id)?.pid }) },
            loadedLibs: [{ path: '/app/lib/libanswer.so' }, { path: '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2' }, { path: '/usr/lib/x86_64-linux-gnu/libc.so.6' }],
          });
        }
      }
      await eventually(async () => expect(short.map(({ id }) => node.journal.of('containerStop', id).length)).toEqual(short.map(() => 1)));
      expect(lasting.flatMap(({ id }) => node.journal.of('containerStop', id))).toEqual([]);
    });

    test('loses no start when containerd is killed in the middle, and declares how long it was blind', async () => {
      const attempts = Array.from({ length: 24 }, () => node.startByClient(wait).catch(() => undefined));
      await Promise.race(attempts);
      const killed = new Date();
      await node.stopContainerd('SIGKILL');
      await Promise.all(attempts);
      const again = live();
      await node.startContainerd();
      const restarted = new Date();
      await again;
      const after = await inTheEnd(() => node.startByClient(wait));
      await eventually(async () => expect(toldOf([after])).toEqual([once('containerd.task.start')]));
      // What the client was told nothing of may run all the same.
      const running = [...(await node.tasks())].filter(([, { state }]) => state === 'RUNNING').map(([id]) => ({ id })).filter(({ id }) => id !== pod.id);
      await eventually(async () => expect(toldOf(running)).toEqual(running.map(() => [[expect.stringMatching(/^containerd\.task\.start$|^reconcile$/), node.images]])));
      expect(running.length).toBeGreaterThan(100);
      await eventually(async () => expect(lostBetween(killed, restarted)).toMatchObject({ count: 0 }));
    });

    test('tells after a stop of containerd what ended meanwhile', async () => {
      const [one] = [...(await node.tasks())].filter(([, { state }]) => state === 'RUNNING').filter(([id]) => id !== pod.id);
      await node.stopContainerd('SIGTERM');
      process.kill(one![1].pid, 'SIGKILL');
      const again = live();
      await node.startContainerd();
      await again;
      await eventually(async () => expect(node.journal.of('containerStop', one![0])).toHaveLength(1));
    });

    test('loses nothing that was in its buffer when it is killed, and tells what it slept through', async () => {
      const { scanner } = node.backends;
      scanner.options = { ...scanner.options, answer: ({ path }) => (path.endsWith('/events') ? { status: 503 } : undefined) };
      const before = [await inTheEnd(() => node.startByClient(wait)), await inTheEnd(() => node.startByCri(pod, wait)), await inTheEnd(() => node.startByClient(brief, '--rm')), await inTheEnd(() => node.startByCri(pod, brief))];
      await sleep(2000);
      await node.killObserver();
      const killed = new Date();
      expect(toldOf(before)).toEqual(before.map(() => []));
      const meanwhile = [await inTheEnd(() => node.startByClient(wait)), await inTheEnd(() => node.startByCri(pod, wait))];
      const missed = await inTheEnd(() => node.startByClient(brief, '--rm'));
      process.kill((await node.tasks()).get(before[0]!.id)!.pid, 'SIGKILL');
      const restarted = new Date();
      scanner.options = { ...scanner.options, answer: () => undefined };
      await node.startObserver().line('ready', 'readiness');
      await eventually(async () => expect(toldOf([...before, ...meanwhile, missed])).toEqual([...before.map(() => once('containerd.task.start')), ...meanwhile.map(() => once('reconcile')), []]));
      await eventually(async () => expect([before[0]!, ...before.slice(2)].map(({ id }) => node.journal.of('containerStop', id).length)).toEqual([1, 1, 1]));
      await eventually(async () => expect(lostBetween(killed, restarted)).toMatchObject({ count: 0 }));
    });

    test('told of nothing but what was started, as the contract has it', async () => {
      for (const batch of node.journal.batches) checkWire(batch);
      // What came twice, over a restart too, was the same batch, or the same facts.
      const batches = Map.groupBy(node.journal.batches, ({ batchId }) => batchId);
      for (const [first, ...more] of batches.values()) for (const again of more) expect(again.events).toEqual(first!.events);
      const events = Map.groupBy(node.journal.batches.flatMap(({ events: delivered }) => delivered.map(({ event }) => event)), ({ eventId }) => eventId);
      for (const [first, ...more] of events.values()) {
        const { when: _, evidence: __, posture: ___, ...facts } = first!;
        for (const again of more) expect(again).toMatchObject(facts);
      }
      const ours = /^containerd:\/\/(?:observed-\d+-\d+|[0-9a-f]{64})$/;
      expect(node.journal.events().filter(({ workload }) => !ours.test(workload.containerId) || workload.containerId.endsWith(pod.id))).toEqual([]);
    });
  });
}
