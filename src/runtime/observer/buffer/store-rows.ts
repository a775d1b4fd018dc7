/** Rows of the buffer's file and what they mean. A row is sound when its checksum says so; it is read so that a damaged one throws nothing. */
import { crc32 } from 'node:zlib';
import type { Gap, GapReason } from '../../../contract/runtime-event.ts';

export interface NewEvent {
  readonly eventId: string;
  readonly kind: string;
  /** RFC 3339. */
  readonly when: string;
  /** JSON text of the envelope. */
  readonly body: string;
}

export interface StoredEvent extends NewEvent {
  readonly seq: number;
}

export interface EventRow {
  readonly seq: number;
  readonly event_id: string;
  readonly kind: string;
  readonly at: string;
  readonly body: string;
  /** Decimal. */
  readonly checksum: string;
}

export interface GapRow {
  readonly id: number;
  readonly reason: GapReason;
  readonly count: number;
  readonly bytes: number;
  readonly from_at: string;
  readonly to_at: string;
  readonly first_seq: number;
  readonly last_seq: number;
}

/** A checksum that was damaged may be a number that JavaScript has not. */
export const eventColumns = 'seq, event_id, kind, at, body, CAST(checksum AS TEXT) AS checksum';

export function checksumOf({ eventId, kind, when, body }: NewEvent): number {
  return [eventId, kind, when, body].reduce((sum, text) => crc32(`${text}\n`, sum), 0);
}

export function isSound(row: EventRow): boolean {
  const texts = [row.event_id, row.kind, row.at, row.body];
  return texts.every((text) => typeof text === 'string') && row.checksum === String(checksumOf(toEvent(row)));
}

export function toEvent({ seq, event_id: eventId, kind, at, body }: EventRow): StoredEvent {
  return { seq, eventId, kind, when: at, body };
}

export function toGap({ reason, count, bytes, from_at: from, to_at: to, first_seq: firstSeq, last_seq: lastSeq }: GapRow): Gap {
  return { reason, count, bytes, from, to, firstSeq, lastSeq };
}

/** One gap for events of the same fate. A damaged row may have lost its time: then it is now. */
export function gapOf(reason: GapReason, events: readonly StoredEvent[]): Gap {
  const times = events.map(({ when }) => (typeof when === 'string' && !Number.isNaN(Date.parse(when)) ? when : new Date().toISOString())).sort();
  return {
    reason, count: events.length,
    bytes: events.reduce((sum, { body }) => sum + (typeof body === 'string' ? Buffer.byteLength(body) : 0), 0),
    from: times[0] ?? '', to: times.at(-1) ?? '',
    firstSeq: events[0]?.seq ?? 0, lastSeq: events.at(-1)?.seq ?? 0,
  };
}

/** Two gaps of one reason as one: what was lost in all, from the first time to the last. */
export function joinGaps(a: Gap, b: Gap): Gap {
  const numbers = [a.firstSeq, b.firstSeq].filter((seq) => seq > 0);
  return {
    reason: a.reason, count: a.count + b.count, bytes: a.bytes + b.bytes,
    from: a.from < b.from ? a.from : b.from, to: a.to > b.to ? a.to : b.to,
    firstSeq: numbers.length > 0 ? Math.min(...numbers) : 0, lastSeq: Math.max(a.lastSeq, b.lastSeq),
  };
}
