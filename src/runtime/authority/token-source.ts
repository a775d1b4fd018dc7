/**
 * One token for everybody in the program, in memory only:
 *
 *   none → requesting (once, however many wait) → fresh → (near its end: requested anew, beside) → ended → none
 *             └ failed → backing off (as Authority asks, else 1 to 30 s with jitter) → requesting
 *
 * A fresh token is given out at once. Who waits is never told of an older failure than the last, and never waits beyond its
 * deadline.
 */
import { ZastavaError } from '../../contract/errors.ts';
import type { OpTok } from './op-tok.ts';

export interface TokenSource {
  /** A token that is good now. @param deadlineAt on performance.now()'s clock, ms. @throws `authority.*` */
  get(deadlineAt: number): Promise<OpTok>;
  /** Forgets the token, for example after a 401; true if there was one. The next `get` fetches another at once. */
  drop(): boolean;
}

interface SourceParts {
  readonly request: () => Promise<OpTok>;
  /** The most that a token is renewed before its end, in ms; at most a third of its life. */
  readonly skewMs: number;
  /** However long a failure is waited out, `request` is asked again this long (ms) before the end of the held token, since it has a stand-in to give then. Default: there is none. */
  readonly standInMs?: number;
}

/** Between requests that fail, in ms; `askedMax`: the longest that Authority's own `Retry-After` is followed. */
export const backOffMs = { first: 1000, last: 30_000, askedMax: 600_000 } as const;

/** Longer timers end at once in Node; a token of no life must not become a storm. */
const timerMs = { min: 500, max: 2 ** 31 - 1 } as const;

export class CachedTokenSource implements TokenSource {
  readonly #parts: SourceParts;
  #token: OpTok | undefined;
  #renewAt = 0;
  #request: Promise<OpTok> | undefined;
  #failures = 0;
  #failure: { readonly error: unknown; readonly until: number } | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #generation = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  /** The token that is held, for those who only look. */
  get held(): OpTok | undefined {
    return this.#token !== undefined && this.#token.expiresAt.getTime() > Date.now() ? this.#token : undefined;
  }

  async get(deadlineAt: number): Promise<OpTok> {
    const token = this.held;
    if (token !== undefined) {
      // Good still: whoever asks does not wait for the next one.
      if (Date.now() >= this.#renewAt) this.#renew().catch(() => {});
      return token;
    }
    return beforeDeadline(this.#renew(), deadlineAt);
  }

  drop(): boolean {
    const held = this.held !== undefined;
    this.#token = undefined;
    this.#forgetRequest();
    return held;
  }

  /** Asks anew at once, as after a change of the key; until the answer is there, the token that is held serves on. */
  renewNow(): void {
    this.#forgetRequest();
    this.#renew().catch(() => {});
  }

  close(): void {
    clearTimeout(this.#renewal);
  }

  /** What is on its way answers those who wait for it, and nobody else. */
  #forgetRequest(): void {
    this.#generation++;
    this.#request = undefined;
    this.#failure = undefined;
  }

  #renew(): Promise<OpTok> {
    if (this.#failure !== undefined && Date.now() < this.#failure.until) return Promise.reject(this.#failure.error);
    this.#request ??= this.#start(this.#generation);
    return this.#request;
  }

  async #start(generation: number): Promise<OpTok> {
    try {
      const token = await this.#parts.request();
      if (generation === this.#generation) this.#keep(token);
      return token;
    } catch (error) {
      if (generation === this.#generation) this.#fail(error);
      throw error;
    } finally {
      if (generation === this.#generation) this.#request = undefined;
    }
  }

  #keep(token: OpTok): void {
    const life = token.expiresAt.getTime() - Date.now();
    this.#token = token;
    this.#renewAt = token.expiresAt.getTime() - Math.min(this.#parts.skewMs, life / 3);
    [this.#failures, this.#failure] = [0, undefined];
    this.#schedule(this.#renewAt - Date.now());
  }

  #fail(error: unknown): void {
    const asked = Math.min((error as { retryAfterMs?: number }).retryAfterMs ?? 0, backOffMs.askedMax);
    const step = Math.min(backOffMs.last, backOffMs.first * 2 ** this.#failures++);
    const wait = Math.min(Math.max(asked, step / 2 + Math.random() * (step / 2)), this.#untilStandIn());
    this.#failure = { error, until: Date.now() + wait };
    this.#schedule(wait);
  }

  #untilStandIn(): number {
    const { standInMs } = this.#parts;
    if (standInMs === undefined || this.held === undefined) return Number.POSITIVE_INFINITY;
    const left = this.held.expiresAt.getTime() - standInMs - Date.now();
    return left > 0 ? left : Number.POSITIVE_INFINITY;
  }

  /** Asks again by itself, so that a token is there before somebody needs it. */
  #schedule(ms: number): void {
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => this.#renew().catch(() => {}), Math.min(Math.max(timerMs.min, ms + 5), timerMs.max)).unref();
  }
}

async function beforeDeadline(request: Promise<OpTok>, deadlineAt: number): Promise<OpTok> {
  if (deadlineAt === Number.POSITIVE_INFINITY) return request;
  const left = deadlineAt - performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ZastavaError('authority.unavailable', 'the time was over while waiting for a token from Authority')), Math.max(0, left));
  });
  try {
    return await Promise.race([request, late]);
  } finally {
    clearTimeout(timer);
    request.catch(() => {});
  }
}
