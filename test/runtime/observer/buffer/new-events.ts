/** Events as the buffer takes them, by number. */
import type { Gap, GapReason } from '../../../../src/contract/runtime-event.ts';
import type { NewEvent } from '../../../../src/runtime/observer/buffer/store-rows.ts';

/** @param bytes of the body, about */
export function newEvent(number: number, bytes = 300): NewEvent {
  const eventId = `sha256:${number.toString().padStart(64, '0')}`;
  const when = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();
  const event = { eventId, when, kind: 'containerStart', evidence: [{ signal: 'filler', value: 'x'.repeat(Math.max(0, bytes - 200)) }] };
  return { eventId, kind: 'containerStart', when, body: JSON.stringify({ schemaVersion: 'zastava.runtime.event@v1.0', event }) };
}

export function newEvents(from: number, count: number, bytes?: number): NewEvent[] {
  return Array.from({ length: count }, (_, index) => newEvent(from + index, bytes));
}

export function newGap(reason: GapReason, count = 1): Gap {
  return { reason, count, bytes: 0, from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:01:00.000Z', firstSeq: 0, lastSeq: 0 };
}

/** The number of an event, from its id. */
export function numberOf({ eventId }: { readonly eventId: string }): number {
  return Number(eventId.slice('sha256:'.length));
}
