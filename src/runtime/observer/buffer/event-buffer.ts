/**
 * The observer's buffer as the rest sees it:
 *
 *   disk    events are committed in groups, and `append` returns when they are on disk
 *   memory  the disk is full, read-only, broken or hangs: a bounded memory takes over, which is said loudly, and when the disk
 *           is good again what is in memory goes there
 *
 * Events leave it when Scanner has answered or in a declared gap; in `memory` they also die with the process.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { dropReasons, gapReasons } from '../../../contract/label-values.ts';
import { metrics as catalogue } from '../../../contract/metrics.ts';
import type { Gap } from '../../../contract/runtime-event.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Opened } from './buffer-worker.ts';
import { DiskStore, type DiskOptions } from './disk-store.ts';
import type { BatchLimits, StoredBatch } from './event-store.ts';
import { LossLog } from './loss-log.ts';
import { MemoryStore } from './memory-store.ts';
import { lossesAtOpening } from './opening.ts';
import { commitLimits } from './store-file.ts';
import type { NewEvent, StoredEvent } from './store-rows.ts';

export interface BufferOptions extends DiskOptions {
  readonly metrics: Metrics;
}

export interface BufferState {
  readonly events: number;
  /** Pages in use on disk. */
  readonly bytes: number;
  /** That `bytes` may grow to with what the disk has left; 0 while the disk fails. */
  readonly bytesMax: number;
  /** RFC 3339, of the oldest event that waits; null when there is none. */
  readonly oldest: string | null;
  /** Why events are in memory only; null while the disk is good. */
  readonly problem: string | null;
  /** On tmpfs: it dies with a reboot. */
  readonly volatile: boolean;
}

/** Milliseconds. */
const bufferWaits = { commit: 5, close: 5000 } as const;

export async function openBuffer(options: BufferOptions): Promise<EventBuffer> {
  const buffer = new EventBuffer(options);
  await buffer.open();
  return buffer;
}

export class EventBuffer {
  readonly #options: BufferOptions;
  readonly #losses: LossLog;
  readonly #memory: MemoryStore;
  readonly #disk: DiskStore;
  readonly #facts = new Map<string, string>();
  #committing: Promise<void> | undefined;
  #commitTimer: NodeJS.Timeout | undefined;
  #committedAt = 0;
  #closed = false;
  #gapsKept: (() => void)[] = [];
  readonly #fillWaiters = new Set<{ readonly count: number; readonly resolve: () => void }>();
  #volatile = false;

  constructor(options: BufferOptions) {
    const { log, metrics } = options;
    this.#options = options;
    this.#losses = new LossLog(log, metrics);
    this.#memory = new MemoryStore((gap) => this.#losses.add(gap));
    this.#disk = new DiskStore(options, {
      opened: (opened) => this.#opened(opened),
      good: () => this.#good(),
      failed: () => this.#release(),
      lost: (gap) => this.#losses.add(gap),
    });
    for (const reason of dropReasons) metrics.count(catalogue.bufferDrops, { reason }, 0);
    for (const reason of gapReasons) metrics.count(catalogue.gaps, { reason }, 0);
    metrics.beforeScrape(() => {
      const { bytes, bytesMax, oldest } = this.state();
      metrics.set(catalogue.bufferBytes, {}, bytes);
      metrics.set(catalogue.bufferBytesMax, {}, bytesMax);
      metrics.set(catalogue.queueAge, {}, oldest === null ? 0 : Math.max(0, Date.now() - Date.parse(oldest)) / 1000);
    });
  }

  /** Never fails: with a bad disk it begins in memory. */
  open(): Promise<void> {
    return this.#disk.open();
  }

  /** Returns when the event is on disk; while the disk fails, at once. */
  append(event: NewEvent): Promise<void> {
    return new Promise((resolve) => {
      this.#memory.push(event, resolve);
      if (!this.#disk.isGood) resolve();
      this.#changed();
    });
  }

  /** Tells Scanner of events that it will never get, with a later batch. */
  declare(gap: Gap): Promise<void> {
    return new Promise((resolve) => {
      this.#memory.addGap(gap);
      if (this.#disk.isGood) this.#gapsKept.push(resolve);
      else resolve();
      this.#changed();
    });
  }

  /** The batch under way or a new one; null when there is nothing to say. */
  async next(limits: BatchLimits): Promise<StoredBatch | null> {
    if (this.#memory.batch) return this.#memory.batch;
    if (this.#disk.isGood && this.#disk.state.events + this.#disk.state.gaps === 0) return null;
    const batch = await this.#disk.ask('next', { batchId: randomUUID(), limits });
    return batch === undefined ? this.#memory.next(randomUUID(), limits) : batch;
  }

  /** Scanner has answered. */
  async settle(batchId: string): Promise<void> {
    if (this.#memory.batch?.batchId === batchId) this.#memory.settle();
    else await this.#disk.ask('settle', batchId);
  }

  /** Scanner refuses the batch: the next one is a part of it. @returns the event that is given up, if it came to that */
  async split(batchId: string): Promise<{ readonly quarantined: StoredEvent | null }> {
    if (this.#memory.batch?.batchId === batchId) return this.#memory.split();
    return (await this.#disk.ask('split', batchId)) ?? { quarantined: null };
  }

  /** A fact that outlives the process; while the disk fails it is kept in memory, and what is on disk stays as it was. */
  async keepFact(name: string, value: string): Promise<void> {
    this.#facts.set(name, value);
    if ((await this.#disk.ask('keepFact', { name, value })) !== undefined && this.#facts.get(name) === value) this.#facts.delete(name);
  }

  async fact(name: string): Promise<string | null> {
    return this.#facts.get(name) ?? (await this.#disk.ask('fact', name)) ?? null;
  }

  /** Returns when `next` has so many events to give, or the time is over. */
  async filled(count: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#ready() >= count) return;
    const over = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { count, resolve };
    this.#fillWaiters.add(waiter);
    await Promise.race([promise, sleep(ms, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined)]);
    over.abort();
    this.#fillWaiters.delete(waiter);
  }

  state(): BufferState {
    const { state: { events, bytes, bytesMax, oldest }, problem } = this.#disk;
    return { events: events + this.#memory.size, bytes, bytesMax: problem === null ? bytesMax : 0, oldest: oldest ?? this.#memory.oldest, problem, volatile: this.#volatile };
  }

  /** Commits what is left, if the disk lets it. */
  async close(): Promise<void> {
    const until = performance.now() + bufferWaits.close;
    while (this.#disk.isGood && (this.#memory.size > 0 || this.#memory.hasGaps) && performance.now() < until) await this.#commit();
    this.#closed = true;
    clearTimeout(this.#commitTimer);
    if (this.#memory.size > 0) this.#options.log.error({ scope: 'buffer', events: this.#memory.size }, 'the disk does not take the events that are in memory: they end with this process');
    this.#losses.close();
    await this.#disk.close();
  }

  async #opened(opened: Opened): Promise<void> {
    const { folder, log, metrics } = this.#options;
    if (opened.volatile && !this.#volatile) log.warn({ scope: 'buffer', folder }, 'the buffer is on tmpfs: it dies with a reboot; set zastava.observer.bufferHostPath to a folder on disk');
    this.#volatile = opened.volatile;
    metrics.set(catalogue.bufferVolatile, {}, opened.volatile ? 1 : 0);
    for (const gap of await lossesAtOpening({ opened, log })) this.#memory.addGap(gap);
  }

  #good(): void {
    for (const [name, value] of this.#facts) void this.keepFact(name, value);
    this.#changed();
  }

  /** Nobody waits for the disk any more. */
  #release(): void {
    this.#memory.release();
    for (const kept of this.#gapsKept.splice(0)) kept();
  }

  /** What is not committed yet is not given out: a caller who asked for it at once would spin. */
  #ready(): number {
    return this.#disk.isGood ? this.#disk.state.events : this.#memory.size;
  }

  #changed(): void {
    for (const waiter of this.#fillWaiters) if (this.#ready() >= waiter.count) waiter.resolve();
    if (this.#closed || !this.#disk.isGood || this.#committing || (this.#memory.size === 0 && !this.#memory.hasGaps)) return;
    if (this.#memory.size >= commitLimits.eventsMax) void this.#commit();
    // At once after a quiet time, else when the last one is long enough ago: those of a storm go in groups.
    else this.#commitTimer ??= setTimeout(() => void this.#commit(), Math.max(0, this.#committedAt + bufferWaits.commit - performance.now()));
  }

  /** One at a time: what comes meanwhile is the next group. */
  #commit(): Promise<void> {
    clearTimeout(this.#commitTimer);
    this.#commitTimer = undefined;
    return (this.#committing ??= this.#commitGroup().finally(() => {
      this.#committing = undefined;
      this.#committedAt = performance.now();
      this.#changed();
    }));
  }

  async #commitGroup(): Promise<void> {
    const group = this.#memory.forCommit(commitLimits);
    const gapsKept = this.#gapsKept.splice(0);
    const done = await this.#disk.ask('append', { events: group.events, gaps: group.gaps });
    if (done === undefined) return group.failed();
    group.kept();
    for (const kept of gapsKept) kept();
    this.#disk.proven();
  }
}
