import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openBuffer, type EventBuffer } from '../../../../src/runtime/observer/buffer/event-buffer.ts';
import { memoryLimits } from '../../../../src/runtime/observer/buffer/memory-store.ts';
import { Metrics } from '../../../../src/runtime/telemetry/metrics.ts';
import { RecordedLog } from '../../../fakes/recorded-log.ts';
import { newEvent, newEvents, newGap, numberOf } from './new-events.ts';

const program = new URL('./buffer-program.ts', import.meta.url);
const batch = { eventsMax: 32, bytesMax: 1024 * 1024 };
const soon = { timeout: 20_000, interval: 10 };

interface Opened {
  readonly buffer: EventBuffer;
  readonly folder: string;
  readonly log: RecordedLog;
  metric(name: string): Promise<number | undefined>;
  /** What the disk does from now on. */
  disk(fault: 'good' | 'full' | 'noRoom' | 'broken' | 'readOnly' | 'corrupt' | 'slow' | 'hang' | 'exit'): void;
}

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function newFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'zastava-buffer-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function opened(folder = join(newFolder(), 'buffer'), answerMsMax?: number): Promise<Opened> {
  const log = new RecordedLog('observer');
  const metrics = new Metrics('observer', {});
  const buffer = await openBuffer({ folder, bytesMax: 8 * 1024 * 1024, log: log.log, metrics, program, ...(answerMsMax !== undefined && { answerMsMax }) });
  const fault = join(folder, 'fault');
  cleanups.push(async () => {
    if (existsSync(folder)) rmSync(fault, { force: true });
    await buffer.close();
  });
  return {
    buffer, folder, log,
    metric: async (name) => {
      const value = (await metrics.render()).body.split('\n').find((line) => line.startsWith(`zastava_runtime_${name} `))?.split(' ').at(-1);
      return value === undefined ? undefined : Number(value);
    },
    disk: (kind) => (kind === 'good' ? rmSync(fault, { force: true }) : writeFileSync(fault, kind)),
  };
}

/** Everything that waits, as Scanner would get it. */
async function drain(buffer: EventBuffer): Promise<{ numbers: number[]; gaps: Record<string, number> }> {
  const [numbers, gaps]: [number[], Record<string, number>] = [[], {}];
  for (let next = await buffer.next(batch); next; next = await buffer.next(batch)) {
    numbers.push(...next.events.map(numberOf));
    for (const { reason, count } of next.gaps) gaps[reason] = (gaps[reason] ?? 0) + count;
    await buffer.settle(next.batchId);
  }
  return { numbers, gaps };
}

const upTo = (count: number): number[] => [...Array(count).keys()];
const appendAll = (buffer: EventBuffer, from: number, count: number, bytes?: number) => Promise.all(newEvents(from, count, bytes).map((event) => buffer.append(event)));

describe('on a good disk', () => {
  test('what was appended is there after a restart, with its facts and the batch under way', async () => {
    const first = await opened();
    await appendAll(first.buffer, 0, 300);
    await first.buffer.declare(newGap('streamLost', 4));
    await first.buffer.keepFact('streamAlive', 'yesterday');
    const underWay = await first.buffer.next(batch);
    await first.buffer.close();

    const { buffer, metric } = await opened(first.folder);
    expect(await buffer.fact('streamAlive')).toBe('yesterday');
    expect(await buffer.next(batch)).toEqual(underWay);
    expect(await metric('queue_age_seconds')).toBeGreaterThan(0);
    expect(await metric('buffer_bytes')).toBeGreaterThan(0);
    // Of the 8 MiB: the rest is for the log and one commit.
    expect(await metric('buffer_max_bytes')).toBe(6 * 1024 * 1024);
    expect(await drain(buffer)).toEqual({ numbers: upTo(300), gaps: { streamLost: 4 } });
    expect(await metric('queue_age_seconds')).toBe(0);
    expect(buffer.state()).toMatchObject({ events: 0, oldest: null, problem: null });
  });

  test('a slow disk commits many events at once, and stalls nobody else', async () => {
    const { buffer, disk } = await opened();
    disk('slow');
    const began = performance.now();
    const appended = appendAll(buffer, 0, 200);
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);
    await appended;
    clearInterval(ticking);
    // Five commits of 300 ms each, however slow the machine is besides.
    expect(performance.now() - began).toBeGreaterThan(1000);
    expect(ticks).toBeGreaterThan(40);
    disk('good');
    expect((await drain(buffer)).numbers).toEqual(upTo(200));
  });

  test('one that waits for events is told when they are there', async () => {
    const { buffer } = await opened();
    const never = new AbortController().signal;
    const filled = buffer.filled(3, 60_000, never);
    await appendAll(buffer, 0, 3);
    await filled;
    await buffer.filled(3, 60_000, never);
    await buffer.filled(100, 1, never);
  });

  test('what is dropped for room is declared, counted and logged', async () => {
    const { buffer, metric, log } = await opened();
    await appendAll(buffer, 0, 500, 20_000);
    const dropped = 500 - buffer.state().events;
    expect(dropped).toBeGreaterThan(50);
    expect(await metric('buffer_drops_total{reason="bufferFull"}')).toBe(dropped);
    const { numbers, gaps } = await drain(buffer);
    expect(gaps).toEqual({ bufferFull: dropped });
    expect(numbers).toEqual(upTo(500).slice(dropped));
    await vi.waitFor(() => expect(log.lines.filter(({ msg }) => msg === 'buffer.drops').reduce((sum, { count }) => sum + Number(count), 0)).toBe(dropped), soon);
    expect(log.find('buffer.drops')).toMatchObject({ level: 'warn', scope: 'buffer', reason: 'bufferFull' });
  });
});

describe('on a disk that fails', () => {
  test.each(['full', 'noRoom', 'broken', 'readOnly', 'exit'] as const)('%s: events go on from memory, with an alarm, and to the disk when it is good again', async (fault) => {
    const { buffer, disk, log, folder, metric } = await opened();
    await appendAll(buffer, 0, 3);
    disk(fault);
    await appendAll(buffer, 3, 40);
    expect(buffer.state().problem).toBeTruthy();
    expect(await metric('buffer_max_bytes')).toBe(0);
    expect(log.find('the disk does not hold the buffer: events are in memory only')).toMatchObject({ level: 'error' });
    await buffer.keepFact('alive', 'now');
    await buffer.declare(newGap('streamLost', 2));

    const fromMemory = await buffer.next(batch);
    expect(fromMemory).toMatchObject({ gaps: [{ reason: 'streamLost', count: 2 }] });
    expect(fromMemory?.events.map(numberOf)).toEqual(upTo(35).slice(3));
    await buffer.settle(fromMemory?.batchId ?? '');

    disk('good');
    await vi.waitFor(() => expect(buffer.state().problem).toBeNull(), soon);
    expect(log.find('the disk holds the buffer again')).toBeDefined();
    await buffer.append(newEvent(43));
    await buffer.close();
    const again = await opened(folder);
    expect(await again.buffer.fact('alive')).toBe('now');
    expect(await drain(again.buffer)).toEqual({ numbers: [0, 1, 2, ...upTo(44).slice(35)], gaps: {} });
  });

  test('a folder that is none: the program starts, and uses it when it is there', async () => {
    const parent = newFolder();
    const folder = join(parent, 'buffer');
    writeFileSync(folder, 'in the way');
    const { buffer } = await opened(folder);
    expect(buffer.state().problem).toContain(folder);
    await appendAll(buffer, 0, 3);
    rmSync(folder);
    mkdirSync(folder);
    await vi.waitFor(() => expect(buffer.state().problem).toBeNull(), soon);
    await buffer.append(newEvent(3));
    expect((await drain(buffer)).numbers).toEqual([0, 1, 2, 3]);
  });

  test('a disk that hangs holds nobody up', async () => {
    const { buffer, disk } = await opened(undefined, 300);
    disk('hang');
    await appendAll(buffer, 0, 5);
    expect(buffer.state().problem).toContain('does not answer');
    const next = await buffer.next(batch);
    expect(next?.events.map(numberOf)).toEqual(upTo(5));
    await buffer.settle(next?.batchId ?? '');
    disk('good');
    await vi.waitFor(() => expect(buffer.state().problem).toBeNull(), soon);
    // The commit that hung may have come through in the end: then its events come again.
    await buffer.append(newEvent(5));
    const { numbers } = await drain(buffer);
    expect(numbers.at(-1)).toBe(5);
    expect(upTo(6)).toEqual(expect.arrayContaining(numbers));
  });

  test('memory is bounded: the oldest go, declared, but never those under way', async () => {
    const { buffer, disk, metric } = await opened();
    disk('full');
    await buffer.append(newEvent(0));
    const underWay = await buffer.next(batch);
    const count = Math.ceil((memoryLimits.bytesMax / 20_000) * 1.5);
    await appendAll(buffer, 1, count, 20_000);
    expect(await buffer.next(batch)).toEqual(underWay);
    const { numbers, gaps } = await drain(buffer);
    expect(numbers[0]).toBe(0);
    expect(numbers.length).toBeLessThan(count);
    expect(gaps).toEqual({ bufferFull: count + 1 - numbers.length });
    expect(await metric('buffer_drops_total{reason="bufferFull"}')).toBe(count + 1 - numbers.length);
  });

  test('a poison event is found in memory, too', async () => {
    const { buffer, disk } = await opened();
    disk('broken');
    await appendAll(buffer, 0, 8);
    await buffer.declare(newGap('streamLost'));
    const [delivered, quarantined, ids]: [number[], number[], Set<string>] = [[], [], new Set()];
    for (let next = await buffer.next(batch); next; next = await buffer.next(batch)) {
      expect(ids).not.toContain(next.batchId);
      ids.add(next.batchId);
      if (next.events.some((event) => numberOf(event) === 5)) {
        const { quarantined: event } = await buffer.split(next.batchId);
        if (event) quarantined.push(numberOf(event));
      } else {
        delivered.push(...next.events.map(numberOf));
        await buffer.settle(next.batchId);
      }
    }
    expect(quarantined).toEqual([5]);
    expect(delivered).toEqual([0, 1, 2, 3, 4, 6, 7]);
  });
});

describe('a damaged file', () => {
  test('is set aside at the start, declared, and a new one begun', async () => {
    const first = await opened();
    await appendAll(first.buffer, 0, 20);
    await first.buffer.close();
    const path = join(first.folder, 'events.db');
    const damaged = readFileSync(path).fill(0xff, 0, 4096);
    writeFileSync(path, damaged);
    const { buffer, log } = await opened(first.folder);
    await appendAll(buffer, 20, 1);
    expect(await drain(buffer)).toEqual({ numbers: [20], gaps: { bufferLost: 0 } });
    expect(readFileSync(`${path}.damaged`)).toEqual(damaged);
    expect(log.find('the buffer was damaged: it was set aside, and a new one begun')).toMatchObject({ level: 'error' });
  });

  test('that shows while it is in use is checked, and used again when it is sound', async () => {
    const { buffer, disk, folder } = await opened();
    await appendAll(buffer, 0, 2);
    disk('corrupt');
    await appendAll(buffer, 2, 2);
    disk('good');
    await vi.waitFor(() => expect(buffer.state().problem).toBeNull(), soon);
    await buffer.append(newEvent(4));
    expect((await drain(buffer)).numbers).toEqual([0, 1, 2, 3, 4]);
    expect(readdirSync(folder)).not.toContain('events.db.damaged');
  });
});

test.runIf(existsSync('/dev/shm') && statfsSync('/dev/shm').type === 0x01021994)('on tmpfs it warns, and declares what a boot may have taken once', async () => {
  const folder = newFolder('/dev/shm');
  const first = await opened(folder);
  expect(await first.metric('buffer_volatile')).toBe(1);
  expect(first.log.lines.find(({ msg }) => String(msg).includes('tmpfs'))).toMatchObject({ level: 'warn' });
  expect(await drain(first.buffer)).toEqual({ numbers: [], gaps: {} });
  await vi.waitFor(async () => expect((await drain(first.buffer)).gaps).toEqual({ bufferLost: 0 }), soon);
  await first.buffer.close();
  const second = await opened(folder);
  await sleep(50);
  expect(await drain(second.buffer)).toEqual({ numbers: [], gaps: {} });
  expect(dirname(folder)).toBe('/dev/shm');
});
