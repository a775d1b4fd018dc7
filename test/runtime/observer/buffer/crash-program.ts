/**
 * The observer without its sources, to be killed: standard input gives the numbers of events to append, standard output says
 * which are committed. Descriptor 3 gets one letter for each step, written at once, so that the last one outlives the process:
 *
 *   R opening  O open  a appending  c committing  C committed  s sending  S answered  D deleted
 *
 * argv: folder, URL of Scanner, bytes of an event, bytes of the buffer. MUTATION=delete-first settles each batch before it is
 * sent; MUTATION=synchronous-off tells SQLite not to wait for the disk.
 */
import { writeSync } from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, workerData } from 'node:worker_threads';
import { ZastavaError } from '../../../../src/contract/errors.ts';
import { serveBuffer, type BufferData } from '../../../../src/runtime/observer/buffer/buffer-worker.ts';
import { openBuffer, type EventBuffer } from '../../../../src/runtime/observer/buffer/event-buffer.ts';
import { createDispatcher, type DispatcherOptions } from '../../../../src/runtime/observer/dispatch/dispatcher.ts';
import type { Send } from '../../../../src/runtime/scanner/send.ts';
import { createLog } from '../../../../src/runtime/telemetry/logs.ts';
import { Metrics } from '../../../../src/runtime/telemetry/metrics.ts';
import { newEvent } from './new-events.ts';

const mutation = process.env['MUTATION'];
const mark = (letter: string): number => writeSync(3, letter);

if (isMainThread) await observe();
else serve((workerData as { data: BufferData }).data);

function serve(data: BufferData): void {
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    if (sql === 'COMMIT') mark('c');
    exec.call(this, mutation === 'synchronous-off' ? sql.replace('synchronous = FULL', 'synchronous = OFF') : sql);
    if (sql === 'COMMIT') mark('C');
  };
  serveBuffer(data);
}

async function observe(): Promise<void> {
  const [folder = '', scanner = '', eventBytes, bytesMax] = process.argv.slice(2);
  const [log, metrics] = [createLog('observer', 2), new Metrics('observer', {})];
  mark('R');
  const buffer = await openBuffer({ folder, bytesMax: Number(bytesMax), log, metrics, program: new URL(import.meta.url) });
  mark('O');
  createDispatcher({
    buffer: given(buffer), send: post, log, metrics, tenant: 'acme',
    backend: { baseAddress: scanner, eventsPath: '/events', policyPath: '/policy', requestTimeoutSeconds: 5, allowInsecureHttp: true },
    limits: { batchSize: 16, flushIntervalSeconds: 0.005, eventsPerSecond: 100_000, burst: 100_000 },
    // After a failure a fiftieth of the wait.
    clock: { now: () => performance.now() * 50, sleep: (ms, signal) => sleep(ms / 50, undefined, { signal }).catch(() => undefined) },
  });
  // Without a parent there is no oracle.
  process.stdin.on('close', () => process.exit(0));
  for await (const line of createInterface({ input: process.stdin })) {
    mark('a');
    void buffer.append(newEvent(Number(line), Number(eventBytes))).then(() => process.stdout.write(`${line}\n`));
  }
}

function given(buffer: EventBuffer): DispatcherOptions['buffer'] {
  const early = mutation === 'delete-first';
  return {
    filled: (count, ms, signal) => buffer.filled(count, ms, signal),
    split: (batchId) => buffer.split(batchId),
    settle: async (batchId) => {
      if (!early) await buffer.settle(batchId);
      mark('D');
    },
    next: async (limits) => {
      const batch = await buffer.next(limits);
      if (batch && early) await buffer.settle(batch.batchId);
      return batch;
    },
  };
}

/** To the double on loopback, which speaks no TLS. */
async function post({ url, body }: Parameters<Send>[0]): ReturnType<Send> {
  mark('s');
  return new Promise((resolve, reject) => {
    request(url, { method: 'POST' }, async (response) => {
      mark('S');
      resolve({ status: response.statusCode ?? 0, headers: {}, body: Buffer.from(await text(response)) });
    }).on('error', (cause) => reject(new ZastavaError('scanner.unavailable', cause.message, { cause }))).end(body);
  });
}
