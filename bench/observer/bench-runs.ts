/** What the observer's benches begin and end with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleParts } from '../../src/images/bundle-program.ts';
import { BenchNode } from './bench-node.ts';

const root = join(import.meta.dirname, '../..');

interface Run {
  readonly node: BenchNode;
  readonly folder: string;
  /** The observer, as its image has it. */
  readonly program: string;
  /** For names of containers: no two runs on one machine share one. */
  readonly prefix: string;
}

let runs = 0;

/** Needs root; leaves nothing behind. */
export async function withNode(work: (run: Run) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-bench-observer-'));
  const program = join(folder, 'program/main.mjs');
  try {
    await bundleParts({ root, entry: 'src/runtime/observer/main.ts', outdir: join(folder, 'program') });
    const node = await BenchNode.start(join(folder, 'node'));
    try {
      await work({ node, folder, program, prefix: `bench-${process.pid}-${runs++}` });
    } finally {
      await node.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A quantile, as the tables show it. */
export function at(values: readonly number[], part: number): string {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))]?.toFixed(1) ?? '';
}
