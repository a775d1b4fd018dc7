/**
 * What the buffer costs beside the least that could do: events a second that are on disk when `append` returns, in SQLite as we
 * use it and in a log of our own, length, checksum and bytes, with one fdatasync a commit. Such a log could neither delete
 * what was delivered nor find its gaps again.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { EventStore } from '../../src/runtime/observer/buffer/event-store.ts';
import type { NewEvent } from '../../src/runtime/observer/buffer/store-rows.ts';
import { newEvents } from '../../test/runtime/observer/buffer/new-events.ts';
import { median } from '../timing.ts';

const full = process.env['FULL'] === '1';
const [rounds, commits] = full ? [9, 500] : [5, 100];
/** About what an event of a container's start has. */
const eventBytes = 1200;

interface Contender {
  readonly name: string;
  append(events: readonly NewEvent[]): void;
  /** What was delivered leaves it. */
  drain(): void;
  close(): void;
}

export async function bufferBench(): Promise<void> {
  // A folder on a disk: where TMPDIR is a tmpfs, set it to one that is not.
  const folder = mkdtempSync(join(tmpdir(), 'zastava-bench-'));
  try {
    for (const size of [1, 32]) {
      const contenders = [ours(folder), plainLog(folder)];
      const rows = measure(contenders, size);
      const limit = rows.at(-1)!.perSecond;
      console.log(`${size} of ${eventBytes} bytes a commit, ${rounds} rounds of ${commits} commits`);
      console.table(rows.map(({ name, perSecond, fastest, p50, p99, cpuMs, drainMs }) => ({ what: name, 'events/s (median)': perSecond.toFixed(0), 'commit ms fastest': fastest.toFixed(2), p50: p50.toFixed(2), p99: p99.toFixed(2), 'CPU ms': cpuMs.toFixed(2), 'ms to deliver a round': drainMs.toFixed(1), 'times plain log': (perSecond / limit).toFixed(2) })));
      for (const contender of contenders) contender.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Row {
  readonly name: string;
  readonly perSecond: number;
  readonly fastest: number;
  readonly p50: number;
  readonly p99: number;
  /** Of this program, a commit. */
  readonly cpuMs: number;
  readonly drainMs: number;
}

function measure(contenders: readonly Contender[], size: number): Row[] {
  const events = newEvents(0, size, eventBytes);
  const runs = contenders.map(({ name }) => ({ name, perSecond: [] as number[], ms: [] as number[], cpuMs: [] as number[], drain: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const run = runs[index]!;
      const [began, cpu] = [performance.now(), process.cpuUsage()];
      for (let commit = 0; commit < commits; commit++) {
        const start = performance.now();
        contender.append(events);
        run.ms.push(performance.now() - start);
      }
      run.perSecond.push((commits * size * 1000) / (performance.now() - began));
      const { user, system } = process.cpuUsage(cpu);
      run.cpuMs.push((user + system) / 1000 / commits);
      const start = performance.now();
      contender.drain();
      run.drain.push(performance.now() - start);
    }
  }
  const at = (values: readonly number[], share: number): number => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
  return runs.map(({ name, perSecond, ms, cpuMs, drain }) => ({ name, perSecond: median(perSecond), fastest: at(ms, 0), p50: at(ms, 0.5), p99: at(ms, 0.99), cpuMs: median(cpuMs), drainMs: median(drain) }));
}

function ours(folder: string): Contender {
  const store = new EventStore(join(folder, `${Math.random()}.db`), 256 * 1024 * 1024);
  return {
    name: 'SQLite, WAL, synchronous FULL',
    append: (events) => store.append(events),
    drain: () => {
      for (let batch = store.next('bench', { eventsMax: 32, bytesMax: 1024 * 1024 }); batch; batch = store.next('bench', { eventsMax: 32, bytesMax: 1024 * 1024 })) store.settle(batch.batchId);
    },
    close: () => store.close(),
  };
}

function plainLog(folder: string): Contender {
  const file = openSync(join(folder, `${Math.random()}.log`), 'a');
  return {
    name: 'plain log, fdatasync',
    append: (events) => {
      const pieces = events.flatMap((event) => {
        const body = Buffer.from(JSON.stringify(event));
        const head = Buffer.alloc(8);
        head.writeUInt32LE(body.length, 0);
        head.writeUInt32LE(crc32(body), 4);
        return [head, body];
      });
      writeSync(file, Buffer.concat(pieces));
      fdatasyncSync(file);
    },
    drain: () => undefined,
    close: () => closeSync(file),
  };
}
