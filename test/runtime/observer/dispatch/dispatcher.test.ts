import { describe, expect, test, vi } from 'vitest';
import { ZastavaError } from '../../../../src/contract/errors.ts';
import type { EventBatch } from '../../../../src/contract/runtime-event.ts';
import { MemoryStore } from '../../../../src/runtime/observer/buffer/memory-store.ts';
import { createDispatcher, type Dispatcher, type DispatcherOptions } from '../../../../src/runtime/observer/dispatch/dispatcher.ts';
import type { ScannerResponse } from '../../../../src/runtime/scanner/send.ts';
import { Metrics } from '../../../../src/runtime/telemetry/metrics.ts';
import { RecordedLog } from '../../../fakes/recorded-log.ts';
import { runtimeValues } from '../../../fakes/runtime-values.ts';
import { newEvents, newGap, numberOf } from '../buffer/new-events.ts';

/** A clock that stands still but for those who sleep. */
class SimulatedClock {
  ms = 0;
  now = (): number => this.ms;
  sleep = async (ms: number): Promise<void> => {
    this.ms += ms;
    await new Promise((resolve) => setImmediate(resolve));
  };
}

type Answer = (batch: EventBatch, atMs: number) => number | Partial<ScannerResponse> | Error;

interface Sent {
  readonly atMs: number;
  readonly batch: EventBatch;
}

interface Running extends AsyncDisposable {
  readonly sent: Sent[];
  /** Numbers of the events in each batch that was accepted. */
  readonly accepted: number[][];
  readonly memory: MemoryStore;
  readonly log: RecordedLog;
  readonly metrics: Metrics;
  readonly dispatcher: Dispatcher;
  readonly quiet: () => Promise<void>;
}

/** Scanner accepts, unless `answer` says another status or throws. */
function running(events: number, answer: Answer = () => 202, limits: Partial<DispatcherOptions['limits']> = {}, gaps = 0): Running {
  const [clock, log, metrics] = [new SimulatedClock(), new RecordedLog('observer'), new Metrics('observer', {})];
  const memory = new MemoryStore(() => undefined);
  for (const event of newEvents(0, events)) memory.push(event, () => undefined);
  if (gaps > 0) memory.addGap(newGap('streamLost', gaps));
  let batches = 0;
  const buffer: DispatcherOptions['buffer'] = {
    filled: async (count, ms) => (memory.size >= count ? undefined : clock.sleep(ms)),
    next: async (limitsOfBatch) => memory.next(`batch-${batches++}`, limitsOfBatch),
    settle: async (batchId) => (expect(memory.batch?.batchId).toBe(batchId), memory.settle()),
    split: async (batchId) => (expect(memory.batch?.batchId).toBe(batchId), memory.split()),
  };
  const [sent, accepted]: [Sent[], number[][]] = [[], []];
  const dispatcher = createDispatcher({
    buffer, clock, log: log.log, metrics, tenant: 'acme',
    backend: runtimeValues({ backend: { baseAddress: 'https://scanner.internal/' } }).backend,
    limits: { batchSize: 32, flushIntervalSeconds: 2, eventsPerSecond: 50, burst: 200, ...limits },
    send: async ({ endpoint, url, body }) => {
      expect([endpoint, url.href]).toEqual(['events', 'https://scanner.internal/api/v1/runtime/events']);
      const batch = JSON.parse(body) as EventBatch;
      sent.push({ atMs: clock.ms, batch });
      const found = answer(batch, clock.ms);
      if (found instanceof Error) throw found;
      const response = { status: 202, headers: {}, body: Buffer.alloc(0), ...(typeof found === 'number' ? { status: found } : found) };
      if (response.status === 202) accepted.push(batch.events.map(({ event }) => numberOf(event)));
      return response;
    },
  });
  return {
    sent, accepted, memory, log, metrics, dispatcher,
    quiet: () => vi.waitFor(() => expect([memory.size, memory.hasGaps, memory.batch]).toEqual([0, false, undefined]), { timeout: 20_000, interval: 2 }),
    [Symbol.asyncDispose]: () => dispatcher.stop(),
  };
}

const waits = (sent: readonly Sent[]): number[] => sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));

describe('a Scanner that accepts', () => {
  test('gets batches of the size that is set, in order, and the rest after the interval', async () => {
    await using scanner = running(80);
    await scanner.quiet();
    expect(scanner.accepted.map(({ length }) => length)).toEqual([32, 32, 16]);
    expect(scanner.accepted.flat()).toEqual([...Array(80).keys()]);
    expect((await scanner.metrics.render()).body).toContain('zastava_runtime_events_total{tenant="acme",component="observer",kind="containerStart"} 80');
  });

  test('gets a burst at once and then no more than the rate', async () => {
    await using scanner = running(1000);
    await scanner.quiet();
    for (const [index, { atMs }] of scanner.sent.entries()) {
      const events = scanner.accepted.slice(0, index + 1).flat().length;
      expect(events).toBeLessThanOrEqual(200 + (atMs * 50) / 1000);
    }
    expect(scanner.accepted.flat()).toHaveLength(1000);
  });

  test('gets gaps with a batch, or alone, and each is counted when it is accepted', async () => {
    await using scanner = running(0, () => 202, {}, 3);
    await scanner.quiet();
    expect(scanner.sent.map(({ batch }) => batch)).toMatchObject([{ events: [], gaps: [{ reason: 'streamLost', count: 3 }] }]);
    expect((await scanner.metrics.render()).body).toContain('zastava_runtime_gaps_total{reason="streamLost"} 1');
  });
});

describe('a Scanner that fails', () => {
  const failures: [string, Answer][] = [
    ['200 from something in between', () => 200], ['500', () => 500], ['503', () => 503], ['401 after the token was renewed', () => 401], ['404', () => 404],
    ['a timeout', () => new ZastavaError('scanner.timeout', 'no answer')],
    ['no connection', () => new ZastavaError('scanner.unavailable', 'refused')],
    ['no token', () => new ZastavaError('authority.unavailable', 'no token')],
  ];

  test.each(failures)('%s: the same batch comes again, later and later, until it is accepted', async (_, failure) => {
    let calls = 0;
    const problems: boolean[] = [];
    await using scanner = running(10, (batch, atMs) => {
      problems.push(scanner.dispatcher.problem() !== null);
      return calls++ < 8 ? failure(batch, atMs) : 202;
    });
    await scanner.quiet();
    expect(problems).toEqual([false, true, true, true, true, true, true, true, true]);
    expect(new Set(scanner.sent.map(({ batch }) => JSON.stringify(batch))).size).toBe(1);
    expect(scanner.accepted).toEqual([[...Array(10).keys()]]);
    const [first = 0, ...more] = waits(scanner.sent);
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(first).toBeLessThanOrEqual(2000);
    for (const wait of more.slice(4)) {
      expect(wait).toBeGreaterThanOrEqual(15_000);
      expect(wait).toBeLessThanOrEqual(30_000);
    }
    expect(scanner.dispatcher.problem()).toBeNull();
    expect(scanner.log.find('Scanner takes events again')).toMatchObject({ failures: 8 });
  });

  test.each([['120', 120_000], ['1', 1000], ['nonsense', 1000], ['999999', 3_600_000]])('Retry-After: %s is honoured, within an hour', async (value, ms) => {
    let calls = 0;
    await using scanner = running(1, () => (calls++ === 0 ? { status: 429, headers: { 'retry-after': value } } : 202));
    await scanner.quiet();
    const [wait = 0] = waits(scanner.sent);
    expect(wait).toBeGreaterThanOrEqual(ms);
    expect(wait).toBeLessThanOrEqual(Math.max(ms, 2000));
    expect(scanner.sent[1]?.batch).toEqual(scanner.sent[0]?.batch);
  });

  test('for a whole day, dead, slow and throttling by turns, loses nothing and is not stormed', async () => {
    const hour = 3_600_000;
    await using scanner = running(3000, (_, atMs) => {
      if (atMs < 20 * hour) return atMs % hour < hour / 2 ? new ZastavaError('scanner.timeout', 'no answer') : 503;
      return atMs < 24 * hour ? { status: 429, headers: { 'retry-after': '600' } } : 202;
    });
    await scanner.quiet();
    expect(scanner.accepted.flat()).toEqual([...Array(3000).keys()]);
    expect(scanner.sent.filter(({ atMs }) => atMs < 24 * hour).length).toBeLessThan((20 * hour) / 15_000 + 30);
  });
});

describe('a Scanner that refuses', () => {
  const poison = 13;
  const poisonous = ({ events }: EventBatch): boolean => events.some(({ event }) => numberOf(event) === poison);

  test.each([400, 409, 413, 422])('%i: the batch is split, the poison event let go and declared, the rest delivered once', async (status) => {
    await using scanner = running(64, (batch) => (poisonous(batch) ? status : 202));
    await scanner.quiet();
    expect(scanner.accepted.flat().sort((a, b) => a - b)).toEqual([...Array(64).keys()].filter((number) => number !== poison));
    expect(new Set(scanner.sent.map(({ batch }) => batch.batchId)).size).toBe(scanner.sent.length);
    expect(scanner.sent.flatMap(({ batch }) => batch.gaps ?? [])).toMatchObject([{ reason: 'eventRejected', count: 1 }]);
    expect(scanner.log.find('Scanner refuses an event: it is let go, and declared')).toMatchObject({ eventId: `sha256:${'13'.padStart(64, '0')}`, reason: `Scanner answered ${status}` });
  });

  test('gaps: events are delivered without them, and the gaps are kept', async () => {
    let taken = false;
    await using scanner = running(40, ({ gaps }) => (gaps && !taken ? 400 : 202), {}, 5);
    await vi.waitFor(() => expect(scanner.accepted.flat()).toHaveLength(40));
    expect(scanner.log.find('Scanner refuses an event: it is let go, and declared')).toBeUndefined();
    taken = true;
    await scanner.quiet();
    expect(scanner.sent.at(-1)?.batch.gaps).toMatchObject([{ reason: 'streamLost', count: 5 }]);
  });
});

test('stopping lets the request under way end, and sends no other', async () => {
  const scanner = running(1000);
  await vi.waitFor(() => expect(scanner.sent.length).toBeGreaterThan(0));
  await scanner.dispatcher.stop();
  const sent = scanner.sent.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(scanner.sent).toHaveLength(sent);
  expect(scanner.memory.size).toBe(1000 - scanner.accepted.flat().length);
});
