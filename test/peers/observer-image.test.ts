/** The observer as its image, started from the kit with the rights and mounts that its Pod has, delivers what really runs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mountPaths, nodeNameEnv } from '../../src/contract/names.ts';
import { programEnv } from '../../src/contract/programs.ts';
import { eventually } from './harness/commands.ts';
import { checkWire } from './harness/event-journal.ts';
import { kit, readImageReference } from './harness/kit.ts';
import { engines, needsOf, nodeName, ObservedNode, type StartedContainer } from './harness/observed-node.ts';
import { describeWith } from './harness/peers.ts';
import { idsOfProgram, readProcessTruth } from './harness/process-truth.ts';
import { scratch } from './harness/scratch.ts';
import { privateUser } from './harness/workloads.ts';

for (const engine of engines) {
  describeWith(needsOf(engine), engine.title, () => {
    const folder = scratch('image', '/var/tmp');
    const log = join(folder, 'logs', 'observer.log');
    let node: ObservedNode;
    let observer: StartedContainer;

    beforeAll(async () => {
      node = await ObservedNode.start(engine, folder, { hostNetwork: true });
      // 1.6 reads no zstd.
      await node.ctr('images', 'import', engine.ctr === 'ctr2' ? kit.archive : kit.tar);
    });
    afterAll(() => node?.[Symbol.asyncDispose]());

    /** As the DaemonSet has it, but for the host's network, in which Authority and Scanner listen here. */
    async function startImage(): Promise<void> {
      const [etc, scratchFolder, buffer, logs] = ['etc', 'scratch', 'buffer', 'logs'].map((name) => join(folder, name)) as [string, string, string, string];
      for (const path of [etc, scratchFolder, buffer, logs, join(etc, 'authority')]) mkdirSync(path);
      writeFileSync(join(etc, 'values.json'), node.backends.program({}, {}, { flushIntervalSeconds: 1 }).config);
      const mounts = [
        [etc, '/etc/zastava', true], [node.backends.mounts, mountPaths.authority, true], ['/etc/hosts', '/etc/hosts', true], ['/proc', '/host/proc', true],
        [join(folder, 'root'), '/var/lib/containerd', true], [join(folder, 'run'), '/var/run/containerd', true], [scratchFolder, mountPaths.scratch, false], [buffer, mountPaths.buffer, false],
      ] as const;
      observer = await node.startContainer(await node.runPod('stellaops', 'zastava-observer-1', { hostPid: true, logs }), {
        name: 'observer', image: await readImageReference('observer'), command: [], user: 0, capabilities: ['DAC_READ_SEARCH', 'SYS_PTRACE'],
        env: { [nodeNameEnv]: nodeName, [programEnv.telemetryPort]: '0' }, mounts: mounts.map(([hostPath, containerPath, readonly]) => ({ hostPath, containerPath, readonly })),
      });
    }

    async function expectTold(started: StartedContainer, program: string): Promise<void> {
      const event = await eventually(async () => {
        const [told] = node.journal.of('containerStart', started.id);
        if (!told) throw new Error(`nothing was told of ${started.id}; the observer's log:\n${readFileSync(log, 'utf8')}`);
        return told;
      });
      const { pid } = (await node.tasks()).get(started.id)!;
      const truth = await readProcessTruth(pid, node.files);
      expect(event).toMatchObject({
        tenant: 'acme', node: nodeName, runtime: { version: expect.stringMatching(engine.version) }, workload: { pod: started.pod.name, container: started.container, imageRef: node.imageName, images: node.images },
        process: { pid, startTime: truth.startTime, entrypoint: started.args, entryTrace: started.args, ...(await idsOfProgram(join(node.files, program))) },
        loadedLibs: truth.libs,
      });
    }

    test('tells of a program that ran before it, of one after it, and of a file that only its user may read', async () => {
      const before = await node.startByClient(['/app/wait']);
      await startImage();
      await expectTold(before, 'app/wait');
      await expectTold(await node.startByClient(['/app/musl']), 'app/musl');
      const pod = await node.runPod('payments', 'api-1');
      await expectTold(await node.startByCri(pod, ['/home/user/private'], privateUser), 'app/private');
      const reference = await readImageReference('observer');
      // 1.6 does not keep by which of its names a Pod asked for the image.
      const names = engine.ctr === 'ctr2' ? [reference] : [reference, reference.replace(/@.*$/, `:${kit.version}`)];
      const [itself] = node.journal.of('containerStart', observer.id);
      expect(itself).toMatchObject({ workload: { namespace: 'stellaops', images: { index: reference.replace(/^.*@/, '') } }, process: { entrypoint: ['/usr/local/bin/zastava-observer'] } });
      expect(names).toContain(itself?.workload.imageRef);
      for (const batch of node.journal.batches) checkWire(batch);
    });

    test('ends on SIGTERM', async () => {
      await node.ctr('tasks', 'kill', '--signal', 'SIGTERM', observer.id);
      await eventually(async () => expect((await node.tasks()).get(observer.id)?.state ?? 'removed').not.toBe('RUNNING'));
      expect(readFileSync(log, 'utf8')).toContain('"msg":"stopped"');
    });
  });
}
