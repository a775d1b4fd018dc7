/** The commands of the operator's README, as printed and in a shell; a registry on loopback stands in for the one that those to a registry name. */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { succeed } from './harness/commands.ts';
import { startContainerd } from './harness/containerd.ts';
import { checkout, kit, readEntry } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { registries } from './harness/registries.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';

const text = readFileSync(join(checkout, 'offline-kit/README.md'), 'utf8');
const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block.replaceAll('VERSION', kit.version).trim());
/** What speaks to a registry; others name it too, as part of an image's name. */
const toRegistry = /\b(oras cp|skopeo copy|cosign verify|kit push) /;

describeWith(['root', 'cosign3', 'oras', 'skopeo', 'distribution', 'containerd2', 'ctr2', 'runc', 'unshare', 'openssl', 'zstd', 'tar'], "the operator's README", () => {
  const folder = scratch('readme');
  const socket = join(folder, 'containerd', 'containerd.sock');
  const medium = join(folder, 'medium');
  const path = [dirname(process.execPath), ...(['cosign3', 'ctr2', 'oras'] as const).map((name) => dirname(peer(name))), process.env['PATH']].join(delimiter);
  const shell = (block: string): Promise<string> => succeed('bash', ['-euo', 'pipefail', '-c', block], { cwd: medium, env: { PATH: path, CONTAINERD_ADDRESS: socket, HOME: folder } });
  let server: Server;
  let registry: Server;

  beforeAll(async () => {
    cpSync(kit.out, medium, { recursive: true });
    for (const each of [folder, medium]) chmodSync(each, 0o755);
    registry = await registries.distribution(folder);
    // localhost: oras and cosign speak plain HTTP to it by themselves.
    mkdirSync(join(folder, '.config/containers'), { recursive: true });
    writeFileSync(join(folder, '.config/containers/registries.conf'), `[[registry]]\nlocation = "localhost:${registry.ready[1]}"\ninsecure = true\n`);
    server = await startContainerd(peer('containerd2'), folder, socket);
    // What section 4 says comes first here: sections 1 and 3 use it.
    await shell(commands.find((block) => block.endsWith('> zastava.mjs')) ?? 'exit 1');
  });
  afterAll(async () => {
    await server?.stop();
    await registry?.stop();
  });

  test('is the one in the kit', async () => expect(await readEntry('README.md')).toBe(text));

  test.each(commands)('works as printed: %s', async (block) => {
    // Ours speaks plain HTTP only when told to.
    const plain = block.replace(/ kit push .*$/m, '$& --plain-http');
    await shell(toRegistry.test(block) ? plain.replaceAll('registry.internal', `localhost:${registry.ready[1]}`) : block);
  });
});
