/** So many events a second, and a burst after a quiet time. It says how long to wait, and lets nothing go. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param now milliseconds */
  constructor(perSecond: number, burst: number, now: number) {
    [this.#perSecond, this.#burst, this.#tokens, this.#at] = [perSecond, burst, burst, now];
  }

  /** Takes tokens on credit. @returns milliseconds to wait until they are there */
  take(count: number, now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#at) * this.#perSecond) / 1000) - count;
    this.#at = now;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#perSecond);
  }
}
