/** The dispatcher over the store on disk for a whole day, in which nothing goes well: by a clock that only those who sleep move. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { ZastavaError } from '../../../../src/contract/errors.ts';
import type { EventBatch, Gap } from '../../../../src/contract/runtime-event.ts';
import { EventStore } from '../../../../src/runtime/observer/buffer/event-store.ts';
import { createDispatcher, type DispatcherOptions } from '../../../../src/runtime/observer/dispatch/dispatcher.ts';
import { Metrics } from '../../../../src/runtime/telemetry/metrics.ts';
import { RecordedLog } from '../../../fakes/recorded-log.ts';
import { runtimeValues } from '../../../fakes/runtime-values.ts';
import { newEvent, numberOf } from '../buffer/new-events.ts';

const hour = 3_600_000;
const day = 24 * hour;
const folder = mkdtempSync(join(tmpdir(), 'zastava-day-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The node's clock, which is set by whoever likes to: hours forward or back from one hour to the next. */
const nodeTime = (ms: number): string => new Date(Date.UTC(2026, 0, 2) + ms + [0, 5, -3, 11, -7][Math.floor(ms / hour) % 5]! * hour).toISOString();

/** Events come from the clock, and what is given out and let go is written down. */
class Day {
  readonly offered: string[] = [];
  readonly accepted: number[] = [];
  readonly declared: Gap[] = [];
  sends = 0;
  ms = 0;
  readonly store = new EventStore(join(folder, 'events.db'), 4 * 1024 * 1024);
  readonly #everyMs: number;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  readonly clock = {
    now: (): number => this.ms,
    sleep: async (ms: number): Promise<void> => {
      this.ms += ms;
      const due = Math.floor(Math.min(this.ms, day) / this.#everyMs);
      while (this.offered.length < due) {
        const first = this.offered.length;
        const events = Array.from({ length: Math.min(64, due - first) }, (_, index) => ({ ...newEvent(first + index, 6000), when: nodeTime((first + index) * this.#everyMs) }));
        this.offered.push(...events.map(({ when }) => when));
        this.store.append(events);
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };

  readonly buffer: DispatcherOptions['buffer'] = {
    filled: async (count, ms) => (this.store.state().events >= count ? undefined : this.clock.sleep(ms)),
    next: async (limits) => this.store.next(`batch-${this.sends}`, limits),
    settle: async (batchId) => this.store.settle(batchId),
    split: async (batchId) => this.store.split(batchId),
  };

  /** Dead for ten hours, then slow and failing by turns, then throttling; good again after the day. */
  readonly send: DispatcherOptions['send'] = async ({ body }) => {
    this.sends += 1;
    const answer = (status: number, headers = {}) => ({ status, headers, body: Buffer.alloc(0) });
    if (this.ms < 10 * hour) throw new ZastavaError('scanner.unavailable', 'refused');
    if (this.ms < 20 * hour) {
      // The whole of its time, and then an answer or none.
      this.ms += 4900;
      if (this.sends % 3 > 0) throw new ZastavaError('scanner.timeout', 'no answer');
    } else if (this.ms < day) return answer(429, { 'retry-after': '600' });
    const { events, gaps = [] } = JSON.parse(body) as EventBatch;
    this.accepted.push(...events.map(({ event }) => numberOf(event)));
    this.declared.push(...gaps);
    return answer(202);
  };
}

test('after a day with a dead, slow and throttling Scanner and a clock that jumps, each event is delivered once and in order, or declared', { timeout: 120_000 }, async () => {
  const simulated = new Day(60_000);
  const { store, clock, buffer, send } = simulated;
  const dispatcher = createDispatcher({
    buffer, send, clock, tenant: 'acme', log: new RecordedLog('observer').log, metrics: new Metrics('observer', {}),
    backend: runtimeValues({ backend: { baseAddress: 'https://scanner.internal/' } }).backend,
    limits: { batchSize: 32, flushIntervalSeconds: 60, eventsPerSecond: 50, burst: 200 },
  });
  await vi.waitFor(() => expect([simulated.ms > day, store.state().events, store.state().gaps]).toEqual([true, 0, 0]), { timeout: 100_000, interval: 20 });
  await dispatcher.stop();
  const losses = store.takeLosses();
  store.close();

  const { offered, accepted, declared, sends } = simulated;
  expect(offered).toHaveLength(day / 60_000);
  expect(accepted).toEqual([...new Set(accepted)].sort((a, b) => a - b));
  const lost = offered.map((_, number) => number).filter((number) => !accepted.includes(number));
  expect(lost.length).toBeGreaterThan(200);
  const counted = (gaps: readonly Gap[]): number => gaps.reduce((sum, { count }) => sum + count, 0);
  expect([counted(declared), counted(losses)]).toEqual([lost.length, lost.length]);
  for (const { reason, from, to } of declared) expect([reason, from <= to]).toEqual(['bufferFull', true]);
  for (const number of lost) expect(declared.some(({ from, to }) => from <= offered[number]! && offered[number]! <= to), `the loss of event ${number}`).toBe(true);
  // At most one in half of the longest pause.
  expect(sends).toBeLessThan(day / 15_000);
});
