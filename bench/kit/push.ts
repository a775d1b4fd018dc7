/**
 * How fast a kit gets into a registry, and in how much memory, against `oras cp -r` and `skopeo copy --all` of the same images out of the same
 * archive (decompressed before, since neither reads zstd); the registry is that of distribution, on this disk, emptied before each turn. Each
 * has to leave the same blobs there. On a kit of 0.2 GB, and with FULL=1 of 4 GB.
 */
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleProgram } from '../../src/images/bundle-program.ts';
import { printRuns, timeAll, type Contender } from '../timing.ts';
import { makeLargeKit, type LargeKit } from './large-kit.ts';

const root = join(import.meta.dirname, '../..');
const limits = ['oras cp -r', 'skopeo copy --all'];

export async function pushBench(): Promise<void> {
  const [oras, registry] = [findPeer('oras', 'oras'), findPeer('distribution', 'registry')];
  if (oras === undefined || registry === undefined) return console.log('needs oras and distribution: run test/peers/provide');
  const folder = await mkdtemp(join(tmpdir(), 'push-bench-'));
  const cli = join(folder, 'zastava.mjs');
  writeFileSync(cli, await bundleProgram({ root, entry: 'src/cli/zastava/main.ts', external: ['esbuild'] }));
  try {
    for (const [gigabytes, rounds] of process.env['FULL'] === '1' ? ([[0.2, 5], [4, 3]] as const) : ([[0.2, 5]] as const)) {
      const kit = await makeLargeKit(gigabytes * 1e9);
      try {
        await compare(kit, cli, { oras, registry }, folder, rounds);
      } finally {
        await rm(kit.folder, { recursive: true });
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function compare(kit: LargeKit, cli: string, { oras, registry }: { oras: string; registry: string }, folder: string, rounds: number): Promise<void> {
  const tar = join(kit.folder, 'kit.tar');
  execFileSync('zstd', ['-d', '-q', kit.path, '-o', tar]);
  const data = join(folder, 'data');
  const { host, stop } = await serve(registry, folder, data);
  const empty = (): void => rmSync(data, { recursive: true, force: true });
  const ours = (again: boolean): Contender => ({
    name: `zastava kit push${again ? ', again' : ''}`, ...(!again && { before: empty }),
    command: [process.execPath, cli, 'kit', 'push', kit.path, host, '--key', kit.publicKey, '--allow-development', '--plain-http', '--quiet'],
  });
  const contenders: Contender[] = [
    ours(false),
    ours(true),
    { name: 'zastava kit verify', command: [process.execPath, cli, 'kit', 'verify', kit.path, '--key', kit.publicKey, '--allow-development', '--quiet'] },
    { name: 'oras cp -r', before: empty, command: [oras, 'cp', '-r', '--no-tty', '--from-oci-layout', `${tar}:app-0.1.0`, '--to-plain-http', `${host}/app:0.1.0`] },
    { name: 'zstd -d, oras cp -r', before: empty, command: ['bash', '-ec', 'zstd -dqf "$1" -o "$2"; "$3" cp -r --no-tty --from-oci-layout "$2:app-0.1.0" --to-plain-http "$4"', 'bash', kit.path, `${tar}.again`, oras, `${host}/app:0.1.0`] },
    { name: 'skopeo copy --all', before: empty, command: ['skopeo', '--insecure-policy', 'copy', '-q', '--all', '--dest-tls-verify=false', `oci-archive:${tar}:app-0.1.0`, `docker://${host}/app:0.1.0`] },
  ];
  try {
    console.log(`a kit of ${(kit.bytes / 1e9).toFixed(2)} GB, ${rounds} rounds`);
    printRuns(kit.bytes, timeAll(contenders, rounds), limits);
    const blobs = execFileSync('tar', ['-tf', tar], { encoding: 'utf8' }).split('\n').filter((path) => path.startsWith('blobs/sha256/')).map((path) => path.slice('blobs/sha256/'.length));
    for (const contender of contenders.filter(({ before }) => before !== undefined)) {
      timeAll([contender], 1);
      const there = blobs.filter((hex) => existsSync(join(data, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')));
      console.log(`${contender.name}: ${there.length} of the ${blobs.length} blobs of the images' layout are in the registry${contender.name.startsWith('skopeo') ? '; what refers to images is left behind' : ''}`);
    }
  } finally {
    await stop();
  }
}

async function serve(registry: string, folder: string, data: string): Promise<{ host: string; stop: () => Promise<unknown> }> {
  const config = join(folder, 'registry.yaml');
  // JSON is YAML. Port 0: the log says which one it became.
  writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: 'info', accesslog: { disabled: true } }, storage: { filesystem: { rootdirectory: data } }, http: { addr: '127.0.0.1:0', secret: 'loopback' } }));
  // To a file: while a contender is timed, nobody would read a pipe, and the registry would wait.
  const log = join(folder, 'registry.log');
  const output = openSync(log, 'w');
  const server = spawn(registry, ['serve', config], { stdio: ['ignore', 'ignore', output] });
  closeSync(output);
  const ended = new Promise((resolve) => server.on('close', resolve));
  for (;;) {
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(readFileSync(log, 'utf8'))?.[1];
    if (port !== undefined) return { host: `127.0.0.1:${port}`, stop: () => (server.kill(), ended) };
    if (server.exitCode !== null) throw new Error(readFileSync(log, 'utf8'));
    await sleep(50);
  }
}

function findPeer(tool: string, binary: string): string | undefined {
  const folders = execFileSync(join(root, 'test/peers/provide'), ['--bin'], { encoding: 'utf8' }).trim().split('\n');
  return folders.filter((folder) => folder.includes(`/${tool}-`)).map((folder) => join(folder, binary)).find((path) => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  });
}
