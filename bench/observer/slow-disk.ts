/**
 * Does a slow disk stall the observer? Each sync of its buffer takes half a second more, while containers start. Seen from
 * outside, by how long /healthz takes, beside a server of Node's that does nothing.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { at, withNode } from './bench-runs.ts';
import { ObserverProgram } from './observer-program.ts';
import { compile } from './programs.ts';

export async function slowDiskBench(): Promise<void> {
  await withNode(async ({ node, folder, program, prefix }) => {
    const library = compile('disk', folder);
    const starter = await node.starter(prefix);
    const rows: object[] = [];
    for (const syncMs of [0, 500]) {
      const observer = await ObserverProgram.start({ node, folder: `${folder}/${syncMs}`, program, disk: { library, syncMs } });
      const poller = new Worker(new URL('health-poller.ts', import.meta.url), { workerData: observer.port });
      try {
        await once(poller, 'message');
        const ids = await starter.create(100);
        poller.postMessage('begin');
        await starter.start(20);
        const missing = await observer.missing(ids);
        poller.postMessage('end');
        const [seen] = (await once(poller, 'message')) as [{ observer: number[]; bare: number[] }];
        const onDisk = observer.onDisk();
        const delay = ids.filter((id) => onDisk.has(id) && node.starts.has(id)).map((id) => onDisk.get(id)! - node.starts.get(id)!.at);
        for (const who of ['observer', 'bare'] as const) {
          rows.push({
            'a sync takes': `${syncMs} ms more`, who: who === 'bare' ? 'bare Node' : who, 'answers': seen[who].length, 'p50 ms': at(seen[who], 0.5), 'p99': at(seen[who], 0.99), 'max': at(seen[who], 1),
            ...(who === 'observer' && { 'on disk p50 ms': at(delay, 0.5), 'not told': missing.length }),
          });
        }
      } finally {
        await poller.terminate();
        await observer.stop();
      }
    }
    console.table(rows);
  });
}
