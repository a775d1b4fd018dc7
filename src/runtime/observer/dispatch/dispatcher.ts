/**
 * Takes events from the buffer to Scanner, at its own pace, one batch at a time:
 *
 *   waiting → sending → accepted: settle | refused: split | else: wait and send the same again, under the same ids
 *
 * A batch leaves the buffer after Scanner's answer and never before it, so each event arrives at least once. A limit of
 * events a second shapes what is sent; nothing is let go for it. Contract section 3 has the answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Values } from '../../../config/schema.ts';
import { ZastavaError } from '../../../contract/errors.ts';
import { eventKinds } from '../../../contract/label-values.ts';
import { metrics as catalogue } from '../../../contract/metrics.ts';
import { batchLimits } from '../../../contract/runtime-event.ts';
import { parseRetryAfter } from '../../authority/retry-after.ts';
import type { ScannerResponse, Send } from '../../scanner/send.ts';
import type { Log } from '../../telemetry/logs.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { EventBuffer } from '../buffer/event-buffer.ts';
import type { StoredBatch } from '../buffer/event-store.ts';
import { backoffMs } from './backoff.ts';
import { TokenBucket } from './token-bucket.ts';

export interface DispatcherOptions {
  readonly buffer: Pick<EventBuffer, 'filled' | 'next' | 'settle' | 'split'>;
  readonly send: Send;
  readonly backend: Values['zastava']['runtime']['backend'];
  readonly limits: { readonly batchSize: number; readonly flushIntervalSeconds: number; readonly eventsPerSecond: number; readonly burst: number };
  /** A label of the metric. */
  readonly tenant: string;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Milliseconds that only go on. Default: the machine's. */
  readonly clock?: Clock;
}

interface Clock {
  now(): number;
  /** Ends early and without error when the signal comes. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface Dispatcher {
  /** Why Scanner does not take events; null when it does, or nothing was sent yet. */
  problem(): string | null;
  /** Lets the request under way end; what is not answered stays in the buffer. */
  stop(): Promise<void>;
}

/** Room in a batch of `batchLimits.bytesMax` for its id and gaps, one a reason. */
const envelopeBytes = 8192;

/** Milliseconds; a longer `Retry-After` is taken for a mistake. */
const retryAfterMsMax = 3_600_000;

type Outcome = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly why: string } | { readonly kind: 'later'; readonly why: string; readonly afterMs: number | undefined };

const machine: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};

/** Begins at once. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const ending = new AbortController();
  const dispatch = new Dispatch(options, ending.signal);
  const ended = dispatch.run();
  return {
    problem: () => dispatch.problem,
    stop: () => (ending.abort(), ended),
  };
}

class Dispatch {
  readonly #options: DispatcherOptions;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #bucket: TokenBucket;
  readonly #url: URL;
  problem: string | null = null;
  #failures = 0;

  constructor(options: DispatcherOptions, signal: AbortSignal) {
    const { backend, limits, clock = machine } = options;
    [this.#options, this.#clock, this.#signal] = [options, clock, signal];
    this.#bucket = new TokenBucket(limits.eventsPerSecond, limits.burst, clock.now());
    this.#url = new URL(backend.baseAddress.replace(/\/+$/, '') + backend.eventsPath);
  }

  async run(): Promise<void> {
    const { buffer, limits, log } = this.#options;
    while (!this.#signal.aborted) {
      try {
        await buffer.filled(limits.batchSize, limits.flushIntervalSeconds * 1000, this.#signal);
        if (!this.#signal.aborted) await this.#drain();
      } catch (error) {
        log.error({ scope: 'dispatch', error }, 'a mistake of ours; the batch stays and is tried again');
        await this.#pause(undefined);
      }
    }
  }

  /** Until nothing waits, or only the beginning of a batch. */
  async #drain(): Promise<void> {
    const { buffer, limits } = this.#options;
    let first = true;
    for (let paidFor = ''; !this.#signal.aborted; first = false) {
      const batch = await buffer.next({ eventsMax: limits.batchSize, bytesMax: batchLimits.bytesMax - envelopeBytes });
      if (batch === null) return;
      if (batch.batchId !== paidFor) await this.#clock.sleep(this.#bucket.take(batch.events.length, this.#clock.now()), this.#signal);
      paidFor = batch.batchId;
      if (this.#signal.aborted) return;
      await this.#act(batch, await this.#send(batch));
      if (!first && batch.events.length < limits.batchSize && this.#failures === 0) return;
    }
  }

  async #send(batch: StoredBatch): Promise<Outcome> {
    const { send, backend } = this.#options;
    try {
      const deadlineAt = performance.now() + backend.requestTimeoutSeconds * 1000;
      return outcomeOf(await send({ endpoint: 'events', url: this.#url, body: renderBatch(batch), deadlineAt }));
    } catch (error) {
      if (!(error instanceof ZastavaError)) throw error;
      return { kind: 'later', why: error.message, afterMs: undefined };
    }
  }

  async #act(batch: StoredBatch, outcome: Outcome): Promise<void> {
    if (outcome.kind === 'accepted') return this.#accepted(batch);
    if (outcome.kind === 'refused' && batch.events.length > 0) return this.#refused(batch, outcome.why);
    const { why } = outcome;
    this.problem = why;
    this.#options.log.warn({ scope: 'dispatch', batchId: batch.batchId, events: batch.events.length, failures: this.#failures + 1, reason: why }, 'Scanner did not take a batch; it is sent again');
    // Gaps alone: others may come with them.
    if (outcome.kind === 'refused') await this.#options.buffer.split(batch.batchId);
    await this.#pause(outcome.kind === 'later' ? outcome.afterMs : undefined);
  }

  async #accepted({ batchId, events, gaps }: StoredBatch): Promise<void> {
    const { buffer, metrics, tenant, log } = this.#options;
    await buffer.settle(batchId);
    if (this.#failures > 0) log.info({ scope: 'dispatch', failures: this.#failures }, 'Scanner takes events again');
    [this.#failures, this.problem] = [0, null];
    for (const { kind: text } of events) {
      const kind = eventKinds.find((each) => each === text);
      if (kind !== undefined) metrics.count(catalogue.events, { tenant, component: 'observer', kind });
    }
    for (const { reason } of gaps) metrics.count(catalogue.gaps, { reason });
  }

  async #refused(batch: StoredBatch, why: string): Promise<void> {
    const { buffer, log } = this.#options;
    this.#failures = 0;
    const { quarantined } = await buffer.split(batch.batchId);
    if (quarantined) log.error({ scope: 'dispatch', eventId: quarantined.eventId, kind: quarantined.kind, reason: why }, 'Scanner refuses an event: it is let go, and declared');
    else log.warn({ scope: 'dispatch', batchId: batch.batchId, events: batch.events.length, reason: why }, 'Scanner refuses a batch: a part of it is sent next');
  }

  async #pause(afterMs: number | undefined): Promise<void> {
    this.#failures += 1;
    await this.#clock.sleep(Math.max(backoffMs(this.#failures, Math.random()), Math.min(afterMs ?? 0, retryAfterMsMax)), this.#signal);
  }
}

/** The bodies are JSON already. */
function renderBatch({ batchId, events, gaps }: StoredBatch): string {
  const rest = gaps.length > 0 ? `,"gaps":${JSON.stringify(gaps)}` : '';
  return `{"batchId":${JSON.stringify(batchId)},"events":[${events.map(({ body }) => body).join(',')}]${rest}}`;
}

/** What another batch would not change is waited for: a wrong path or token is not the event's fault. 413: a part may be small enough. */
function outcomeOf({ status, headers }: ScannerResponse): Outcome {
  const why = `Scanner answered ${status}`;
  // Nothing else is the contract's yes: what stands between may answer 200 with a page of its own.
  if (status === 202) return { kind: 'accepted' };
  if ([400, 409, 413, 422].includes(status)) return { kind: 'refused', why };
  return { kind: 'later', why, afterMs: parseRetryAfter(headers['retry-after'] ?? null) };
}
