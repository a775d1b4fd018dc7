/**
 * The store on disk, through its worker: a disk that is slow stops nobody, and one that fails or hangs is told of once and tried
 * again, at growing intervals, until it is good.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ZastavaError } from '../../../contract/errors.ts';
import type { Gap } from '../../../contract/runtime-event.ts';
import type { Log } from '../../telemetry/logs.ts';
import { WorkerCalls } from '../worker-calls.ts';
import type { BufferMethods, Opened, Told } from './buffer-worker.ts';
import type { StoreState } from './event-store.ts';

export interface DiskOptions {
  readonly folder: string;
  readonly bytesMax: number;
  readonly log: Log;
  /** The file that calls `serveBuffer` in the role `buffer`. */
  readonly program: URL;
  /** Milliseconds that the disk may take for one answer, but for opening. Default: 10,000. */
  readonly answerMsMax?: number;
}

interface Listener {
  /** The file is open; when this has returned, the disk is used. */
  opened(opened: Opened): Promise<void>;
  /** It is used now. */
  good(): void;
  failed(): void;
  /** Events that the store let go. */
  lost(gap: Gap): void;
}

/** Milliseconds. */
const waits = { answer: 10_000, retryMin: 1000, retryMax: 30_000, close: 5000 } as const;

const nothingStored: StoreState = { events: 0, bytes: 0, bytesMax: 0, oldest: null, gaps: 0 };

export class DiskStore {
  readonly #options: DiskOptions;
  readonly #listener: Listener;
  readonly #answerMsMax: number;
  readonly #ending = new AbortController();
  #worker: WorkerCalls<BufferMethods> | undefined;
  #trying = false;
  #retryMs: number = waits.retryMin;
  /** Of the last answer. */
  state = nothingStored;
  /** Why it is not used; null while it is. */
  problem: string | null = 'not open yet';

  constructor(options: DiskOptions, listener: Listener) {
    [this.#options, this.#listener, this.#answerMsMax] = [options, listener, options.answerMsMax ?? waits.answer];
  }

  get isGood(): boolean {
    return this.problem === null;
  }

  /** Never fails: what fails is tried again. */
  async open(): Promise<void> {
    try {
      await this.#open(waits.answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Undefined when the disk fails, or has failed. */
  async ask<Name extends keyof BufferMethods & string>(name: Name, input: Parameters<BufferMethods[Name]>[0]): Promise<ValueOf<Name> | undefined> {
    if (!this.isGood || !this.#worker) return undefined;
    try {
      const told = (await within(this.#worker.call(name, input as never), this.#answerMsMax)) as Told<ValueOf<Name>> | null;
      if (told) this.#take(told);
      return told?.value;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** It took events: the next failure is a new one. */
  proven(): void {
    this.#retryMs = waits.retryMin;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.ask('close', null);
    this.problem ??= 'closed';
    // A worker that hangs in a disk does not end before the disk answers.
    await Promise.race([this.#worker?.terminate(), sleep(waits.close, undefined, { ref: false })]);
  }

  async #open(timeoutMs?: number): Promise<void> {
    const { folder, bytesMax, program } = this.#options;
    this.#worker ??= new WorkerCalls<BufferMethods>(program, 'buffer', { folder, bytesMax }, { resourceLimits: { maxYoungGenerationSizeMb: 4 } }, (error) => {
      this.#worker = undefined;
      if (!this.#ending.signal.aborted) this.#fail(error);
    });
    const opening = this.#worker.call('open', null);
    const told = await (timeoutMs === undefined ? opening : within(opening, timeoutMs));
    this.#take(told);
    await this.#listener.opened(told.value);
    this.problem = null;
    this.#listener.good();
  }

  #take({ state, losses }: Told<unknown>): void {
    this.state = state;
    for (const gap of losses) this.#listener.lost(gap);
  }

  #fail(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (this.problem !== problem) this.#options.log.error({ scope: 'buffer', error }, 'the disk does not hold the buffer: events are in memory only');
    this.problem = problem;
    this.#listener.failed();
    if (!this.#trying) void this.#tryAgain();
  }

  async #tryAgain(): Promise<void> {
    this.#trying = true;
    while (!this.isGood) {
      await sleep(this.#retryMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      if (this.#ending.signal.aborted) return;
      this.#retryMs = Math.min(waits.retryMax, this.#retryMs * 2);
      try {
        await this.#open();
        this.#options.log.info({ scope: 'buffer' }, 'the disk holds the buffer again');
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#trying = false;
  }
}

type ValueOf<Name extends keyof BufferMethods> = ReturnType<BufferMethods[Name]> extends Told<infer Value> ? Value : never;

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).then(() => {
    throw new ZastavaError('buffer.unusable', `the disk does not answer within ${ms / 1000} s`);
  });
  late.catch(() => undefined);
  return Promise.race([work, late]).finally(() => over.abort());
}
