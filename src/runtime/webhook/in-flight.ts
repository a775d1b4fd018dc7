/**
 * How much is being answered at once: reviews, their bytes, and how many of them are large. Beyond that nobody waits: what has
 * a place is answered, what has none is refused at the door, and between the two the cache alone decides.
 */
import { metrics as catalogue } from '../../contract/metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export const inFlightLimits = {
  /** Beyond these, nobody is asked for a verdict. */
  askingMax: 128,
  /** Beyond these, a review is not read. */
  reviewsMax: 512,
  bytesMax: 64 * 1024 * 1024,
  /** A review of so many bytes blocks the program for a while as it is parsed. */
  largeBytes: 256 * 1024,
  largeMax: 4,
} as const;

/** The place of one review, from its first byte to its answer. */
export class Place {
  readonly #all: InFlight;
  #bytes = 0;
  #open = true;

  constructor(all: InFlight) {
    this.#all = all;
  }

  /** The review has so many bytes more. False: there is no room for them, and it has given back what it had, or it has left. */
  grow(bytes: number): boolean {
    if (!this.#open) return false;
    const [before, after] = [this.#bytes, this.#bytes + bytes];
    if (this.#all.takes(bytes, isLarge(after) && !isLarge(before))) {
      this.#bytes = after;
      return true;
    }
    // What is thrown away as it comes must not keep others out.
    this.leave();
    return false;
  }

  leave(): void {
    if (this.#open) this.#all.left(this.#bytes, isLarge(this.#bytes));
    this.#open = false;
  }
}

function isLarge(bytes: number): boolean {
  return bytes >= inFlightLimits.largeBytes;
}

export class InFlight {
  readonly #metrics: Metrics;
  #reviews = 0;
  #bytes = 0;
  #large = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    metrics.set(catalogue.inflightBytes, {}, 0);
  }

  /** Undefined: there is no place. */
  enter(): Place | undefined {
    if (this.#reviews >= inFlightLimits.reviewsMax) return undefined;
    this.#reviews++;
    return new Place(this);
  }

  /** So many are under way that no more may ask. */
  get crowded(): boolean {
    return this.#reviews > inFlightLimits.askingMax;
  }

  /** @returns whether there is room; then it is taken */
  takes(bytes: number, becomesLarge: boolean): boolean {
    if (this.#bytes + bytes > inFlightLimits.bytesMax || (becomesLarge && this.#large >= inFlightLimits.largeMax)) return false;
    if (becomesLarge) this.#large++;
    this.#show(this.#bytes + bytes);
    return true;
  }

  left(bytes: number, wasLarge: boolean): void {
    this.#reviews--;
    if (wasLarge) this.#large--;
    this.#show(this.#bytes - bytes);
  }

  #show(bytes: number): void {
    this.#bytes = bytes;
    this.#metrics.set(catalogue.inflightBytes, {}, bytes);
  }
}
