#!/usr/bin/env node
/**
 * zastava-observer: watches the containers of its node. The same file is what its workers run, each in its role; a role
 * loads only what it needs.
 */
import { isMainThread, workerData } from 'node:worker_threads';
import type { BufferData } from './buffer/buffer-worker.ts';
import type { FactsData } from './sources/facts-worker.ts';
import type { WorkerRole } from './worker-calls.ts';

if (isMainThread) {
  const [{ invalidateOpTok, runProgram }, { startObserver }, { preflight }] = await Promise.all([import('../telemetry/program.ts'), import('./observer.ts'), import('./preflight/preflight.ts')]);
  await runProgram({
    component: 'observer',
    summary: 'Watches the containers of its node through containerd, and tells Scanner of each start and stop, with the build-ids of what runs.',
    commands: [invalidateOpTok],
    actions: [preflight],
    start: (context) => startObserver(context, new URL(import.meta.url)),
  });
} else {
  const { role, data } = workerData as { role: WorkerRole; data: unknown };
  if (role === 'buffer') (await import('./buffer/buffer-worker.ts')).serveBuffer(data as BufferData);
  else (await import('./sources/facts-worker.ts')).serveFacts(data as FactsData);
}
