/** Both images, unpacked by umoci and run by runc as a hardened Pod would: arm64 under qemu's user emulation. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platforms } from '../../src/contract/oci.ts';
import { programEnv } from '../../src/contract/programs.ts';
import { configureBundle, unpackImage } from './harness/bundle.ts';
import { eventually, type Outcome, run } from './harness/commands.ts';
import { locked, programs } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { writePodFiles } from './harness/pod-files.ts';
import { scratch } from './harness/scratch.ts';
import { waitUntilHealthy } from './harness/telemetry.ts';

const native = process.arch === 'x64' ? 'amd64' : process.arch;

for (const program of programs) {
  for (const { architecture } of platforms) {
    const emulated = architecture !== native;
    const needs = ['root', 'skopeo', 'umoci', 'runc', 'openssl', 'nsenter', ...(emulated ? ['qemu-aarch64-static' as const] : [])] as const;
    describeWith(needs, `${program} for ${architecture}${emulated ? ', emulated' : ''}`, () => {
      const folder = scratch('run');
      const id = `zastava-${program}-${architecture}-${process.pid}`;
      const runc = (...args: string[]): Promise<Outcome> => run(peer('runc'), ['--root', join(folder, 'state'), ...args]);
      let manifest: string;
      let ended: Promise<Outcome>;

      beforeAll(async () => {
        const image = await unpackImage(folder, program, architecture);
        manifest = image.manifest;
        // The webhook serves on for a while after SIGTERM, for the cluster's sake; nobody calls it here.
        configureBundle(image.bundle, { etc: await writePodFiles(folder, program), env: { [programEnv.drainSeconds]: '0' }, emulated });
        ended = runc('run', '--bundle', image.bundle, '--pid-file', join(folder, 'pid'), id);
      });
      afterAll(async () => {
        await runc('delete', '--force', id);
        await ended;
      });

      test('is the image of the lock', () => expect(manifest).toBe(locked(program).platforms[`linux/${architecture}`]));

      test('answers /healthz, and ends with 0 on SIGTERM', async () => {
        const early = ended.then(({ code, stdout, stderr }) => Promise.reject(new Error(`ended with ${code}\n${stdout}${stderr}`)));
        early.catch(() => {});
        const pid = await Promise.race([early, eventually(async () => Number(readFileSync(join(folder, 'pid'), 'utf8')))]);
        await Promise.race([early, waitUntilHealthy(pid)]);
        await runc('kill', id, 'TERM');
        const { code, stdout, stderr } = await ended;
        expect(code, stdout + stderr).toBe(0);
      });
    });
  }
}
