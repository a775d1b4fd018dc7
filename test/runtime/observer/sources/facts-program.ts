/** Stands in for the observer's bundle: the real facts worker, and processes that are trouble by their number. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveFacts, type FactsData } from '../../../../src/runtime/observer/sources/facts-worker.ts';

interface Asked {
  readonly input: { readonly pid?: number } | null;
}

const { data } = workerData as { data: FactsData };
parentPort?.on('message', ({ input }: Asked) => {
  const pid = input?.pid;
  if (pid === 1_000_001) for (;;);
  if (pid === 1_000_002) process.exit(3);
  if (pid === 1_000_003) {
    const kept: string[] = [];
    for (let index = 0; ; index++) kept.push(`${index}`.repeat(1000));
  }
});
serveFacts(data);
