/** The commands of the operator's README, as printed and in a shell, but for those that name a registry (registries.test.ts). */
import { chmodSync, cpSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { succeed } from './harness/commands.ts';
import { startContainerd } from './harness/containerd.ts';
import { checkout, kit, readEntry } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';

const text = readFileSync(join(checkout, 'offline-kit/README.md'), 'utf8');
const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block.replaceAll('VERSION', kit.version).trim());
const elsewhere = blocks.filter((block) => /^(oras|skopeo) /m.test(block)).flatMap((block) => block.split('\n').filter((line) => /^(oras|skopeo) /.test(line)));
const commands = blocks.map((block) => block.split('\n').filter((line) => !elsewhere.includes(line)).join('\n')).filter((block) => block !== '');

describeWith(['root', 'cosign3', 'containerd2', 'ctr2', 'runc', 'unshare', 'openssl', 'zstd', 'tar'], "the operator's README", () => {
  const folder = scratch('readme');
  const socket = join(folder, 'containerd', 'containerd.sock');
  const medium = join(folder, 'medium');
  const path = [dirname(process.execPath), dirname(peer('cosign3')), dirname(peer('ctr2')), process.env['PATH']].join(delimiter);
  const shell = (block: string): Promise<string> => succeed('bash', ['-euo', 'pipefail', '-c', block], { cwd: medium, env: { PATH: path, CONTAINERD_ADDRESS: socket } });
  let server: Server;

  beforeAll(async () => {
    cpSync(kit.out, medium, { recursive: true });
    for (const each of [folder, medium]) chmodSync(each, 0o755);
    server = await startContainerd(peer('containerd2'), folder, socket);
    // What section 4 says comes first here: sections 1 and 3 use it.
    await shell(commands.find((block) => block.endsWith('> zastava.mjs')) ?? 'exit 1');
  });
  afterAll(() => server?.stop());

  test('is the one in the kit', async () => expect(await readEntry('README.md')).toBe(text));

  test('pushes both images by oras and by skopeo', () => expect(elsewhere).toHaveLength(4));

  test.each(commands)('works as printed: %s', async (block) => {
    await shell(block);
  });
});
