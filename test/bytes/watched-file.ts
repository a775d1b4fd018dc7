/** A file for the ELF readers that notices when they ask for more than there is, or for more than they may. */
import { elfLimits, type RandomAccess } from '../../src/bytes/elf.ts';

/** What a file may cost, whatever it says. */
const readBytesMax = 16 + 64 + 64 + elfLimits.headersMax * (56 + 64) + elfLimits.allNoteBytesMax + elfLimits.dynamicBytesMax + (elfLimits.neededMax + 2) * elfLimits.pathBytesMax;

/** Refuses what goes beyond the file or the cost; `bytesRead` says what was asked for. */
export class WatchedFile implements RandomAccess {
  readonly size: number;
  readonly #read: (offset: number, length: number) => Uint8Array;
  bytesRead = 0;

  constructor(size: number, read: (offset: number, length: number) => Uint8Array) {
    this.size = size;
    this.#read = read;
  }

  read(offset: number, length: number): Uint8Array {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length <= 0 || offset + length > this.size) throw new Error(`reads ${length} at ${offset} of ${this.size}`);
    this.bytesRead += length;
    if (this.bytesRead > readBytesMax) throw new Error(`reads more than ${readBytesMax} bytes`);
    return this.#read(offset, length);
  }
}

export const watched = (bytes: Uint8Array): WatchedFile => new WatchedFile(bytes.length, (offset, length) => bytes.subarray(offset, offset + length));
