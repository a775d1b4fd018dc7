/**
 * Events that are not on disk: for the milliseconds before their commit, or for as long as the disk fails. Bounded: the
 * oldest go first, each into a gap; but not those under way, to the disk or to Scanner.
 */
import type { Gap, GapReason } from '../../../contract/runtime-event.ts';
import type { BatchLimits, StoredBatch } from './event-store.ts';
import { gapOf, joinGaps, type NewEvent, type StoredEvent } from './store-rows.ts';

export const memoryLimits = { eventsMax: 20_000, bytesMax: 8 * 1024 * 1024 } as const;

interface Entry {
  readonly event: NewEvent;
  readonly bytes: number;
  /** It is safe now, or in a gap. */
  readonly done: () => void;
}

interface Batch extends StoredBatch {
  readonly entries: readonly Entry[];
}

export class MemoryStore {
  #entries: Entry[] = [];
  #bytes = 0;
  #gaps = new Map<GapReason, Gap>();
  readonly #underWay = new Set<Entry>();
  #batch: Batch | undefined;
  readonly #lost: (gap: Gap) => void;

  /** @param lost told of each event that is let go */
  constructor(lost: (gap: Gap) => void) {
    this.#lost = lost;
  }

  get size(): number {
    return this.#entries.length;
  }

  get hasGaps(): boolean {
    return this.#gaps.size > 0;
  }

  /** RFC 3339. */
  get oldest(): string | null {
    return this.#entries[0]?.event.when ?? null;
  }

  push(event: NewEvent, done: () => void): void {
    const entry = { event, bytes: Buffer.byteLength(event.body) + 256, done };
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    while (this.#entries.length > memoryLimits.eventsMax || this.#bytes > memoryLimits.bytesMax) {
      const oldest = this.#entries.find((each) => !this.#underWay.has(each));
      if (!oldest) return;
      this.#letGo(oldest, 'bufferFull');
    }
  }

  addGap(gap: Gap): void {
    const open = this.#gaps.get(gap.reason);
    this.#gaps.set(gap.reason, open ? joinGaps(open, gap) : gap);
  }

  /** What the next commit takes, which stays until `kept` or `failed` is called. */
  forCommit(limits: BatchLimits): { readonly events: readonly NewEvent[]; readonly gaps: readonly Gap[]; kept(): void; failed(): void } {
    const entries = this.#first(limits);
    const gaps = this.#takeGaps();
    const free = (): void => entries.forEach((entry) => this.#underWay.delete(entry));
    return {
      events: entries.map(({ event }) => event),
      gaps,
      kept: () => (free(), this.#remove(entries)),
      failed: () => (free(), gaps.forEach((gap) => this.addGap(gap))),
    };
  }

  /** The batch under way, if it came from here. */
  get batch(): StoredBatch | undefined {
    return this.#batch;
  }

  next(newBatchId: string, limits: BatchLimits): StoredBatch | null {
    if (this.#batch) return this.#batch;
    const entries = this.#first(limits);
    const gaps = this.#takeGaps();
    if (entries.length === 0 && gaps.length === 0) return null;
    return (this.#batch = batchOf(newBatchId, entries, gaps));
  }

  settle(): void {
    const { entries = [] } = this.#batch ?? {};
    this.#endBatch();
    this.#remove(entries);
  }

  /** As in `EventStore`. */
  split(): { readonly quarantined: StoredEvent | null } {
    const { batchId = '', entries = [], gaps = [] } = this.#batch ?? {};
    this.#endBatch();
    const [first] = entries;
    if (first && entries.length === 1 && gaps.length === 0) {
      this.#letGo(first, 'eventRejected');
      return { quarantined: { ...first.event, seq: 0 } };
    }
    for (const gap of gaps) this.addGap(gap);
    if (first) {
      const half = entries.slice(0, Math.ceil(entries.length / 2));
      for (const entry of half) this.#underWay.add(entry);
      this.#batch = batchOf(`${batchId.split('.')[0]}.${half.length}.${entries.length}`, half, []);
    }
    return { quarantined: null };
  }

  /** Nobody waits for the disk any more. */
  release(): void {
    for (const { done } of this.#entries) done();
  }

  #endBatch(): void {
    for (const entry of this.#batch?.entries ?? []) this.#underWay.delete(entry);
    this.#batch = undefined;
  }

  #first({ eventsMax, bytesMax }: BatchLimits): Entry[] {
    let bytes = 0;
    const entries = this.#entries.slice(0, eventsMax).filter((entry, index) => (bytes += entry.bytes) <= bytesMax || index === 0);
    for (const entry of entries) this.#underWay.add(entry);
    return entries;
  }

  #takeGaps(): Gap[] {
    const gaps = [...this.#gaps.values()];
    this.#gaps = new Map();
    return gaps;
  }

  #letGo(entry: Entry, reason: GapReason): void {
    const gap = gapOf(reason, [{ ...entry.event, seq: 0 }]);
    this.#remove([entry]);
    this.addGap(gap);
    this.#lost(gap);
  }

  #remove(entries: readonly Entry[]): void {
    const gone = new Set(entries);
    this.#entries = this.#entries.filter((entry) => {
      if (!gone.has(entry)) return true;
      this.#bytes -= entry.bytes;
      return false;
    });
    for (const { done } of entries) done();
  }
}

function batchOf(batchId: string, entries: readonly Entry[], gaps: readonly Gap[]): Batch {
  return { batchId, entries, events: entries.map(({ event }) => ({ ...event, seq: 0 })), gaps };
}
