/**
 * What the observer costs a node: idle with 100 containers, at 50 starts a second, and in a storm; and whether Scanner was told
 * of every start then. `ctr events` beside it does nothing but print.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchNode } from './bench-node.ts';
import { withNode } from './bench-runs.ts';
import { ObserverProgram, usageOf, type Usage } from './observer-program.ts';

const full = process.env['FULL'] === '1';

export async function loadBench(): Promise<void> {
  await withNode(async ({ node, folder, program, prefix }) => {
    const observer = await ObserverProgram.start({ node, folder: `${folder}/observer`, program });
    try {
      const starter = await node.starter(prefix);
      const rows: object[] = [];
      const first = await starter.create(100);
      await starter.start(50);
      await observer.missing(first);
      await sleep(full ? 20_000 : 5000);
      const idle = usages(observer, node);
      await sleep(full ? 60_000 : 15_000);
      rows.push(...compared('idle, 100 containers', idle, usages(observer, node)));
      for (const [what, count, rate] of [['50 starts a second', full ? 1000 : 200, 50], [`storm of ${full ? 1000 : 200}`, full ? 1000 : 200, 0]] as const) {
        const ids = await starter.create(count);
        const before = usages(observer, node);
        const seconds = await starter.start(rate);
        const after = usages(observer, node);
        const missing = await observer.missing(ids, 30);
        const told = [...observer.delivered()].filter(([id]) => ids.includes(id)).map(([, time]) => time);
        rows.push(...compared(what, before, after, usages(observer, node), { 'starts/s': (count / seconds).toFixed(0), 'not told': missing.length, 'all told after s': ((Math.max(...told) - before[0].at) / 1000).toFixed(1), count }));
      }
      console.table(rows);
    } finally {
      await observer.stop();
    }
  });
}

type Both = readonly [observer: Usage, ctr: Usage];

function usages(observer: ObserverProgram, node: BenchNode): Both {
  return [usageOf(observer.pid), usageOf(node.eventsPid)];
}

/** @param end when all is told; CPU for each start is counted up to there */
function compared(what: string, before: Both, after: Both, end: Both = after, more: { readonly [name: string]: string | number } = {}): object[] {
  const { count, ...columns } = more;
  return (['observer', 'ctr events'] as const).map((who, index) => {
    const [from, to, last] = [before[index]!, after[index]!, end[index]!];
    return {
      what, who, 'CPU %': ((100_000 * (to.cpuSeconds - from.cpuSeconds)) / (to.at - from.at)).toFixed(2), ...(count !== undefined && { 'CPU ms a start': ((1000 * (last.cpuSeconds - from.cpuSeconds)) / Number(count)).toFixed(2) }),
      'RSS MiB': last.rssMiB.toFixed(0), 'of it anonymous': last.anonymousMiB.toFixed(0), 'peak': last.peakMiB.toFixed(0), ...(who === 'observer' && columns),
    };
  });
}
