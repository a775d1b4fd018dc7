/**
 * How fast a kit is assembled: 1 GiB of blobs that do not compress, by the real assembleKit, onto the disk and synced;
 * beside it what the same bytes cost when they are hashed once, and when they are copied and synced.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assembleKit } from '../../src/kit/assemble-kit.ts';
import { printRuns, timeAll, type Run } from '../timing.ts';
import { largePlan } from './large-kit.ts';

const GiB = 2 ** 30;
const rounds = 3;

export async function assembleBench(): Promise<void> {
  const { folder, plan } = await largePlan(GiB);
  try {
    const layers = [...plan.images[0]!.blobs.values()].filter(({ size }) => size > 2 ** 20).map(({ path }) => path);
    const own: Run = { name: 'assembleKit', seconds: [], rssMiB: 0 };
    for (let round = 0; round < rounds; round++) {
      // As for the others: what it costs to take away the file of the round before is not counted.
      makeEmpty(plan.to);
      const start = process.hrtime.bigint();
      await assembleKit(plan);
      own.seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
    }
    // Of this program, with what it needed before.
    own.rssMiB = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
    rmSync(plan.to, { recursive: true });
    const copies = join(folder, 'copies');
    const others = timeAll([
      { name: 'openssl', command: ['openssl', 'dgst', '-sha256', ...layers] },
      { name: 'cp and sync', command: ['bash', '-ec', 'cp "$@"; sync "${@: -1}"/*', 'bash', ...layers, copies], before: () => makeEmpty(copies) },
    ], rounds);
    printRuns(GiB, [own, ...others], ['openssl', 'cp and sync']);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function makeEmpty(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
}
