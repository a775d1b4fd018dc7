/** The kit as containerd takes it on a node without network: imported, listed under both names, started by digest. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mountPaths } from '../../src/contract/names.ts';
import { programEnv } from '../../src/contract/programs.ts';
import { eventually, succeed } from './harness/commands.ts';
import { startContainerd } from './harness/containerd.ts';
import { kit, locked, programs, readImageReference } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { writePodFiles } from './harness/pod-files.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';
import { waitUntilHealthy } from './harness/telemetry.ts';

const engines = [
  { title: 'containerd 2.4 and the compressed kit itself', needs: ['containerd2', 'ctr2'], file: kit.archive },
  // 1.6 reads no zstd ("invalid tar header"); its operators decompress first.
  { title: "Debian's containerd and the decompressed kit", needs: ['containerd', 'ctr'], file: kit.tar },
] as const;

for (const { title, needs, file } of engines) {
  describeWith([...needs, 'root', 'runc', 'unshare', 'nsenter', 'openssl'], title, () => {
    const folder = scratch('containerd');
    const socket = join(folder, 'containerd.sock');
    const ctr = (...args: string[]): Promise<string> => succeed(peer(needs[1]), ['--address', socket, '--namespace', 'k8s.io', ...args]);
    let server: Server;

    beforeAll(async () => {
      server = await startContainerd(peer(needs[0]), folder, socket);
      await ctr('images', 'import', file);
    });
    afterAll(() => server?.stop());

    test.each(programs)('lists %s by tag, and by digest as the manifests name it', async (program) => {
      const { index } = locked(program);
      const reference = await readImageReference(program);
      expect(reference).toMatch(new RegExp(`.+@${index}$`));
      const images = (await ctr('images', 'list')).split('\n').map((line) => line.split(/\s+/));
      for (const name of [reference, reference.replace(`@${index}`, `:${kit.version}`)]) {
        expect(images.find(([listed]) => listed === name)?.[2], name).toBe(index);
      }
    });

    test('lists nothing else: what is attested of the images has no name', async () => {
      const listed = (await ctr('images', 'list', '--quiet')).trim().split('\n');
      expect(listed).toHaveLength(2 * programs.length);
    });

    test.each(programs)('starts %s by digest without a pull, and it ends on SIGTERM', async (program) => {
      const id = `zastava-${program}-${process.pid}`;
      const mount = `type=bind,src=${await writePodFiles(folder, program)},dst=/etc/zastava,options=rbind:ro`;
      const scratchMount = `type=tmpfs,src=tmpfs,dst=${mountPaths.scratch},options=nosuid:nodev:mode=1777`;
      await ctr('run', '--detach', '--read-only', '--env', `${programEnv.drainSeconds}=0`, '--mount', mount, '--mount', scratchMount, await readImageReference(program), id);
      try {
        await waitUntilHealthy(Number(/\s(\d+)\s+RUNNING/.exec(await ctr('tasks', 'list'))?.[1]));
        await ctr('tasks', 'kill', '--signal', 'SIGTERM', id);
        await eventually(async () => expect(await ctr('tasks', 'list')).toMatch(new RegExp(`${id}\\s+\\d+\\s+STOPPED`)));
      } finally {
        await ctr('tasks', 'delete', '--force', id);
        await ctr('containers', 'delete', id);
      }
    });
  });
}
