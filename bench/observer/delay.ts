/**
 * How late an event is: from containerd's own time of a start to the event on disk and to Scanner, beside `ctr events`, which
 * shows the same start on the same machine. Scanner is told every two seconds, or when 32 events wait: that is its row.
 */
import type { BenchNode } from './bench-node.ts';
import { at, withNode } from './bench-runs.ts';
import { ObserverProgram } from './observer-program.ts';
import { compile } from './programs.ts';

const full = process.env['FULL'] === '1';

export async function delayBench(): Promise<void> {
  await withNode(async ({ node, folder, program, prefix }) => {
    const observer = await ObserverProgram.start({ node, folder: `${folder}/observer`, program, disk: { library: compile('disk', folder) } });
    try {
      const starter = await node.starter(prefix);
      // A program that has just begun is not what runs on a node.
      await starter.create(20);
      await starter.start(10);
      for (const rate of [10, 50]) {
        const ids = await starter.create(full ? 500 : 100);
        await starter.start(rate);
        const missing = await observer.missing(ids);
        console.log(`${ids.length} starts, ${rate} a second; not seen at Scanner: ${missing.length}`);
        console.table(delays(node, observer, ids));
      }
    } finally {
      await observer.stop();
    }
  });
}

function delays(node: BenchNode, observer: ObserverProgram, ids: readonly string[]): object[] {
  const ctr = new Map(ids.map((id) => [id, node.starts.get(id)?.seenAt]));
  const rows = { 'ctr events': ctr, 'on disk': observer.onDisk(), 'at Scanner': observer.delivered() } satisfies Record<string, ReadonlyMap<string, number | undefined>>;
  return Object.entries(rows).map(([what, times]: [string, ReadonlyMap<string, number | undefined>]) => {
    const seen = ids.filter((id) => times.get(id) !== undefined && node.starts.has(id));
    const delay = seen.map((id) => times.get(id)! - node.starts.get(id)!.at);
    const behind = seen.map((id) => times.get(id)! - node.starts.get(id)!.seenAt);
    return { what, 'starts': seen.length, 'p50 ms': at(delay, 0.5), 'p99': at(delay, 0.99), 'max': at(delay, 1), 'behind ctr events p50': at(behind, 0.5), 'behind p99': at(behind, 0.99) };
  });
}
