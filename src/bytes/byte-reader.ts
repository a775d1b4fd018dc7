/**
 * Takes bytes from a stream by exact lengths: every foreign byte of a kit comes in through this reader.
 * It holds one chunk at a time. What it hands out without a copy is valid until the next call, because sources may
 * use one buffer again and again.
 */
import { refusal } from './refusal.ts';

const nothing = new Uint8Array(0);

export class ByteReader {
  readonly #what: string;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #onChunk: (chunk: Uint8Array) => void;
  #chunk: Uint8Array = nothing;
  #position = 0;

  /** `what` names the stream in errors; `onChunk` sees every chunk once, as it arrives. */
  constructor(what: string, source: AsyncIterable<Uint8Array>, onChunk: (chunk: Uint8Array) => void = () => {}) {
    this.#what = what;
    this.#source = source[Symbol.asyncIterator]();
    this.#onChunk = onChunk;
  }

  /** Bytes handed out so far. */
  get position(): number {
    return this.#position;
  }

  /** True when no byte is left. */
  async atEnd(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return true;
      this.#chunk = next.value;
      this.#onChunk(next.value);
    }
    return false;
  }

  /** The next 1 to `max` bytes, without a copy. Throws `kit.truncated` when there are none. */
  async take(max: number): Promise<Uint8Array> {
    if (await this.atEnd()) {
      throw refusal('kit.truncated', { where: `${this.#what}, byte ${this.#position}`, expected: 'more bytes', found: 'the end' });
    }
    const bytes = this.#chunk.subarray(0, max);
    this.#chunk = this.#chunk.subarray(bytes.length);
    this.#position += bytes.length;
    return bytes;
  }

  /** Fills all of `target`. Throws `kit.truncated` when the stream ends before that. */
  async fill(target: Uint8Array): Promise<void> {
    for (let filled = 0; filled < target.length; ) {
      const bytes = await this.take(target.length - filled);
      target.set(bytes, filled);
      filled += bytes.length;
    }
  }

  /** Ends the source early, so that it can free what it holds. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
