/**
 * How fast a kit is verified, against what this machine can do in the same run: `openssl dgst -sha256` of the file, which
 * hashes once; `zstd -dc KIT | openssl dgst -sha256`, which decompresses and hashes once; `cosign verify-blob`, where it
 * is there; and Node's start. On a kit of 0.2 GB, and with FULL=1 of 4 GB.
 */
import { execFileSync } from 'node:child_process';
import { accessSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../src/images/bundle-program.ts';
import { makeLargeKit, type LargeKit } from './large-kit.ts';
import { printRuns, timeAll, type Contender } from '../timing.ts';

const root = join(import.meta.dirname, '../..');
const limits = ['openssl', 'pipe'];

export async function verifyBench(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-bench-'));
  const cli = join(folder, 'zastava.mjs');
  await bundleProgram({ root, entry: 'src/cli/zastava/main.ts', outfile: cli, external: ['esbuild'] });
  for (const [gigabytes, rounds] of process.env['FULL'] === '1' ? ([[0.2, 5], [4, 3]] as const) : ([[0.2, 5]] as const)) {
    const kit = await makeLargeKit(gigabytes * 1e9);
    try {
      console.log(`a kit of ${(kit.bytes / 1e9).toFixed(2)} GB, ${rounds} rounds`);
      printRuns(kit.bytes, timeAll(contendersFor(kit, cli), rounds), limits);
    } finally {
      await rm(kit.folder, { recursive: true });
    }
  }
  await rm(folder, { recursive: true });
}

function contendersFor(kit: LargeKit, cli: string): Contender[] {
  const contenders: Contender[] = [
    { name: 'zastava kit verify', command: [process.execPath, cli, 'kit', 'verify', kit.path, '--key', kit.publicKey, '--allow-development', '--quiet'] },
    { name: 'openssl', command: ['openssl', 'dgst', '-sha256', kit.path] },
    { name: 'pipe', command: ['bash', '-o', 'pipefail', '-c', 'zstd -dc "$0" | openssl dgst -sha256', kit.path] },
    { name: 'zastava --version', command: [process.execPath, cli, '--version'] },
    { name: 'node', command: [process.execPath, '-e', '0'] },
  ];
  for (const cosign of cosigns()) contenders.push({ name: `cosign verify-blob (${cosign.version})`, command: [cosign.path, 'verify-blob', '--key', kit.publicKey, '--bundle', kit.bundle, '--trusted-root', kit.trustedRoot, '--insecure-ignore-tlog', kit.path] });
  return contenders;
}

/** Those that test/peers/provide has brought. */
function cosigns(): { version: string; path: string }[] {
  const folders = execFileSync(join(root, 'test/peers/provide'), ['--bin'], { encoding: 'utf8' }).trim().split('\n');
  return folders.flatMap((folder) => {
    const version = /\/cosign(\d)-/.exec(folder)?.[1];
    const path = join(folder, 'cosign');
    try {
      accessSync(path);
      return version === undefined ? [] : [{ version, path }];
    } catch {
      return [];
    }
  });
}
