/** What the double of Scanner was told, kept apart from what the observer keeps: every delivery in order, and each event once. */
import { expect } from 'vitest';
import { eventKinds, gapReasons, missingIdKinds } from '../../../src/contract/label-values.ts';
import { batchLimits, eventSchemaVersion, type EventBatch, type EventKind, type Gap, type RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import type { ScannerServer } from '../../fakes/scanner-server.ts';

export class EventJournal {
  readonly #scanner: ScannerServer;

  constructor(scanner: ScannerServer) {
    this.#scanner = scanner;
  }

  get batches(): readonly EventBatch[] {
    return this.#scanner.batches;
  }

  /** Each event once, in the order of its first delivery. */
  events(): RuntimeEvent[] {
    return [...new Map(this.batches.flatMap(({ events }) => events.map(({ event }) => [event.eventId, event] as const)).toReversed()).values()].toReversed();
  }

  of(kind: EventKind, containerId: string): RuntimeEvent[] {
    return this.events().filter((event) => event.kind === kind && event.workload.containerId === `containerd://${containerId}`);
  }

  gaps(): Gap[] {
    return this.batches.flatMap(({ gaps = [] }) => gaps);
  }
}

const fieldsOf = {
  batch: ['batchId', 'events', 'gaps'],
  event: ['eventId', 'when', 'kind', 'tenant', 'node', 'runtime', 'workload', 'process', 'loadedLibs', 'posture', 'delta', 'evidence'],
  process: ['pid', 'startTime', 'entrypoint', 'entryTrace', 'buildId', 'goBuildId', 'idKind'],
  library: ['path', 'inode', 'sha256', 'buildId'],
  gap: ['reason', 'count', 'bytes', 'from', 'to', 'firstSeq', 'lastSeq'],
} as const;

const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Fails for a batch that is not as the contract has it (section 3). */
export function checkWire(batch: EventBatch): void {
  expectFields(batch, 'batch');
  expect(batch.batchId).toMatch(/^[0-9A-Za-z-]{16,64}$/);
  expect(batch.events.length).toBeLessThanOrEqual(batchLimits.eventsMax);
  expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThanOrEqual(batchLimits.bytesMax);
  for (const gap of batch.gaps ?? []) {
    expectFields(gap, 'gap');
    expect(gapReasons).toContain(gap.reason);
    expect([gap.from, gap.to].every((when) => utc.test(when)) && gap.from <= gap.to).toBe(true);
  }
  for (const { schemaVersion, event } of batch.events) {
    expect(schemaVersion).toBe(eventSchemaVersion);
    expectFields(event, 'event');
    expect(eventKinds).toContain(event.kind);
    expect(event.when).toMatch(utc);
    expect(event.evidence.length).toBeGreaterThan(0);
    if (event.process) {
      expectFields(event.process, 'process');
      expect(['gnu', ...missingIdKinds]).toContain(event.process.idKind);
      expect(event.process.buildId ?? '00').toMatch(/^(?:[0-9a-f]{2})+$/);
      expect(event.process.idKind === 'gnu').toBe(event.process.buildId !== undefined);
    }
    for (const library of event.loadedLibs ?? []) expectFields(library, 'library');
  }
}

function expectFields(value: object, of: keyof typeof fieldsOf): void {
  expect(Object.keys(value).filter((name) => !(fieldsOf[of] as readonly string[]).includes(name))).toEqual([]);
}
