/**
 * The buffer on disk: events that Scanner has not accepted yet, in SQLite (WAL, synchronous FULL). Synchronous; it lives
 * in a worker. What it promises:
 *
 *   append returned  →  the events are on disk, and stay until `settle` or until they are declared in a gap
 *
 * Events are taken in the order they came. When there is no room, in `bytesMax` or on the disk, the oldest go first, each
 * into a gap, but not those of the batch under way: Scanner may have them already. Gaps never go. A disk that leaves hardly
 * any room at all is one that fails: memory has more.
 */
import { alertThresholds } from '../../../contract/alerts.ts';
import { ZastavaError } from '../../../contract/errors.ts';
import { batchLimits, type Gap, type GapReason } from '../../../contract/runtime-event.ts';
import { StoreDatabase } from './store-database.ts';
import { filePagesMax, sparePages, storeLimits } from './store-file.ts';
import { checksumOf, eventColumns, gapOf, isSound, joinGaps, toEvent, toGap, type EventRow, type GapRow, type NewEvent, type StoredEvent } from './store-rows.ts';

/** One batch and the gaps that ride with it. */
export interface StoredBatch {
  readonly batchId: string;
  readonly events: readonly StoredEvent[];
  readonly gaps: readonly Gap[];
}

export interface BatchLimits {
  readonly eventsMax: number;
  /** Of the events' bodies; a single larger event is a batch of its own. */
  readonly bytesMax: number;
}

export interface StoreState {
  readonly events: number;
  /** Of the pages in use. */
  readonly bytes: number;
  /** That `bytes` may grow to with what the disk has left. */
  readonly bytesMax: number;
  /** RFC 3339, of the oldest event; null when there is none. */
  readonly oldest: string | null;
  /** Not sent yet, or under way. */
  readonly gaps: number;
}

const { bufferRoomBytesMin: roomBytesMin } = alertThresholds;

export class EventStore {
  readonly #db: StoreDatabase;
  readonly #path: string;
  readonly #pagesMax: number;
  #events: number;
  #losses: Gap[] = [];

  /** Opens the file or makes it. Throws as `openStoreFile`. */
  constructor(path: string, bytesMax: number) {
    [this.#path, this.#pagesMax] = [path, filePagesMax(bytesMax)];
    this.#db = new StoreDatabase(path);
    try {
      this.#events = this.#db.number('SELECT count(*) FROM events');
      this.#shrink();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Writes all of them in one transaction, on disk when this returns. Makes room first. @throws `buffer.unusable` */
  append(events: readonly NewEvent[], gaps: readonly Gap[] = []): void {
    this.#transaction(() => {
      for (const gap of gaps) this.#addGap(gap);
      // A row has its own page at the worst, and a last one that it does not fill; the rest is for what points to them.
      const pages = events.reduce((sum, { body }) => sum + Math.ceil((Buffer.byteLength(body) + 256) / (storeLimits.pageBytes - 4)) + 1, 0);
      const pagesMax = this.#room();
      while (this.#db.usedPages() + pages + 8 > pagesMax && this.#dropOldest());
      for (const event of events) this.#db.run('INSERT INTO events (event_id, kind, at, body, checksum) VALUES (?, ?, ?, ?, ?)', event.eventId, event.kind, event.when, event.body, checksumOf(event));
      this.#events += events.length;
    });
  }

  /**
   * The batch that Scanner has not answered yet: the one from before, under its id, or a new one. Damaged rows are let
   * go alone, each into a gap. Null when there is nothing to say.
   */
  next(newBatchId: string, limits: BatchLimits): StoredBatch | null {
    return this.#transaction(() => this.#openBatch() ?? this.#newBatch(newBatchId, limits));
  }

  /** Scanner has answered: the batch's events and gaps are its own now. A batch that is not open is no longer here. */
  settle(batchId: string): void {
    this.#transaction(() => {
      const open = this.#cursor();
      if (open?.batch_id !== batchId) return;
      this.#events -= this.#db.run('DELETE FROM events WHERE seq <= ?', open.last_seq);
      this.#db.run('DELETE FROM gaps WHERE batch_id = ?', batchId);
      this.#db.run('DELETE FROM cursor');
    });
  }

  /**
   * Scanner refuses the batch as it is. The next one holds half of its events, or the one event without the gaps; an
   * event that is refused alone is let go, since it would be refused for ever. Gaps are kept for a later batch.
   */
  split(batchId: string): { readonly quarantined: StoredEvent | null } {
    return this.#transaction(() => {
      const open = this.#cursor();
      if (open?.batch_id !== batchId) return { quarantined: null };
      const rows = this.#rowsUpTo(open.last_seq);
      const gaps = this.#db.run('UPDATE gaps SET batch_id = NULL WHERE batch_id = ?', batchId);
      this.#db.run('DELETE FROM cursor');
      const [first] = rows;
      if (first === undefined) return { quarantined: null };
      if (rows.length === 1 && gaps === 0) {
        this.#drop(rows, 'eventRejected');
        return { quarantined: toEvent(first) };
      }
      const half = rows[Math.ceil(rows.length / 2) - 1] ?? first;
      this.#setCursor(`${batchId.split('.')[0]}.${half.seq}.${rows.length}`, half.seq);
      return { quarantined: null };
    });
  }

  /** A named fact about the buffer's life, such as when the stream was last alive. */
  fact(name: string): string | null {
    return this.#db.get<{ value: string }>('SELECT value FROM facts WHERE name = ?', name)?.value ?? null;
  }

  keepFact(name: string, value: string): void {
    this.#room();
    this.#transaction(() => this.#db.run('INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', name, value));
  }

  state(): StoreState {
    return {
      events: this.#events,
      bytes: this.#db.usedPages() * storeLimits.pageBytes,
      bytesMax: this.#pagesNow() * storeLimits.pageBytes,
      oldest: this.#db.get<{ at: string }>('SELECT at FROM events ORDER BY seq LIMIT 1')?.at ?? null,
      gaps: this.#db.number('SELECT count(*) FROM gaps'),
    };
  }

  /** What was let go since the last call, as it stands on disk. */
  takeLosses(): Gap[] {
    return this.#losses.splice(0);
  }

  close(): void {
    this.#db.close();
  }

  /** That the file may grow to now. */
  #pagesNow(): number {
    return Math.min(this.#pagesMax, this.#db.pages() + sparePages(this.#path));
  }

  /** In pages. */
  #room(): number {
    const pages = this.#pagesNow();
    if (pages * storeLimits.pageBytes < roomBytesMin) throw new ZastavaError('buffer.unusable', `${this.#path}: its disk has less than ${roomBytesMin} bytes left for it`);
    return pages;
  }

  #openBatch(): StoredBatch | null {
    const open = this.#cursor();
    if (!open) return null;
    const events = this.#sound(this.#rowsUpTo(open.last_seq));
    const gaps = this.#gapsOf(open.batch_id);
    const lastSeq = events.at(-1)?.seq ?? 0;
    // Never beyond what is given out now: a row that comes later must not go with it.
    if (lastSeq !== open.last_seq) this.#db.run('UPDATE cursor SET last_seq = ?', lastSeq);
    if (events.length === 0 && gaps.length === 0) return (this.#db.run('DELETE FROM cursor'), null);
    return { batchId: open.batch_id, events, gaps };
  }

  #newBatch(batchId: string, { eventsMax, bytesMax }: BatchLimits): StoredBatch | null {
    const sound = this.#sound(this.#db.all<EventRow>(`SELECT ${eventColumns} FROM events ORDER BY seq LIMIT ?`, eventsMax));
    let bytes = 0;
    const tooMany = sound.findIndex(({ body }, index) => (bytes += Buffer.byteLength(body) + 1) > bytesMax && index > 0);
    const events = tooMany === -1 ? sound : sound.slice(0, tooMany);
    this.#db.run('UPDATE gaps SET batch_id = ? WHERE batch_id IS NULL', batchId);
    const gaps = this.#gapsOf(batchId);
    if (events.length === 0 && gaps.length === 0) return null;
    this.#setCursor(batchId, events.at(-1)?.seq ?? 0);
    return { batchId, events, gaps };
  }

  #sound(rows: readonly EventRow[]): StoredEvent[] {
    this.#drop(rows.filter((row) => !isSound(row)), 'bufferCorrupt');
    return rows.filter(isSound).map(toEvent);
  }

  /** @returns false when there is nothing that may go */
  #dropOldest(): boolean {
    const oldest = this.#db.all<EventRow>(`SELECT ${eventColumns} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`, this.#cursor()?.last_seq ?? 0, storeLimits.dropRows);
    this.#drop(oldest, 'bufferFull');
    return oldest.length > 0;
  }

  #drop(rows: readonly EventRow[], reason: GapReason): void {
    if (rows.length === 0) return;
    for (const { seq } of rows) this.#db.run('DELETE FROM events WHERE seq = ?', seq);
    this.#events -= rows.length;
    const gap = gapOf(reason, rows.map(toEvent));
    this.#losses.push(gap);
    this.#addGap(gap);
  }

  /** Joins the last gap of this reason that was not sent yet, so that gaps stay few however much is lost. */
  #addGap(gap: Gap): void {
    const open = this.#db.get<GapRow>('SELECT * FROM gaps WHERE reason = ? AND batch_id IS NULL ORDER BY id DESC LIMIT 1', gap.reason);
    const { reason, count, bytes, from, to, firstSeq, lastSeq } = open ? joinGaps(toGap(open), gap) : gap;
    this.#db.run('INSERT INTO gaps (id, reason, count, bytes, from_at, to_at, first_seq, last_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET count = excluded.count, bytes = excluded.bytes, from_at = excluded.from_at, to_at = excluded.to_at, first_seq = excluded.first_seq, last_seq = excluded.last_seq', open?.id ?? null, reason, count, bytes, from, to, firstSeq, lastSeq);
  }

  /** A file from when more was allowed becomes small in steps, and the log is folded in after each. */
  #shrink(): void {
    while (this.#db.usedPages() > this.#pagesMax && this.#transaction(() => this.#dropOldest())) this.#db.foldLog();
    this.#db.shrinkTo(this.#pagesMax);
  }

  #cursor(): { readonly batch_id: string; readonly last_seq: number } | undefined {
    return this.#db.get('SELECT batch_id, last_seq FROM cursor');
  }

  #setCursor(batchId: string, lastSeq: number): void {
    this.#db.run('INSERT INTO cursor (only, batch_id, last_seq) VALUES (1, ?, ?)', batchId, lastSeq);
  }

  #rowsUpTo(seq: number): EventRow[] {
    return this.#db.all(`SELECT ${eventColumns} FROM events WHERE seq <= ? ORDER BY seq LIMIT ?`, seq, batchLimits.eventsMax);
  }

  #gapsOf(batchId: string): Gap[] {
    return this.#db.all<GapRow>('SELECT * FROM gaps WHERE batch_id = ? ORDER BY id', batchId).map(toGap);
  }

  #transaction<T>(work: () => T): T {
    const before = { events: this.#events, losses: this.#losses.length };
    try {
      return this.#db.transaction(work);
    } catch (error) {
      this.#events = before.events;
      this.#losses.length = before.losses;
      throw error;
    }
  }
}
