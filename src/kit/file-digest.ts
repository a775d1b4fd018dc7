/**
 * SHA-256 and length of a file, fed as it is read. Verify hashes all bytes twice, as a file and as what is in it: of a
 * large file the first is done on a thread of its own, through a ring of slots in shared memory, so that both go on at once.
 */
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { ZastavaError } from '../contract/errors.ts';

/** Below this a thread costs more than it saves. */
const threadFromBytes = 32 * 1024 * 1024;
const slotBytes = 512 * 1024;
const slots = 16;
/** A thread that hashes no slot for so long is not there any more. */
const patienceMs = 60_000;

/** Numbers that both threads see: slots written so far, slots hashed so far, then the bytes in each slot (0: the end). */
const places = { written: 0, hashed: 1, lengths: 2 } as const;

// A call to wake up may come late, for a slot that is hashed already: so each side looks at the number, and looks again.
const program = `
const { createHash } = require('node:crypto');
const { numbers, ring, digest } = require('node:worker_threads').workerData;
const hash = createHash('sha256');
for (let turn = 0, length = 1; length > 0; turn++) {
  while (Atomics.load(numbers, ${places.written}) === turn) Atomics.wait(numbers, ${places.written}, turn);
  const slot = turn % ${slots};
  length = numbers[${places.lengths} + slot];
  if (length > 0) hash.update(ring.subarray(slot * ${slotBytes}, slot * ${slotBytes} + length));
  else digest.set(hash.digest());
  Atomics.store(numbers, ${places.hashed}, turn + 1);
  Atomics.notify(numbers, ${places.hashed});
}`;

interface Sha256 {
  update(chunk: Uint8Array): void;
  digest(): Buffer;
  close(): void;
}

export class FileDigest {
  bytes = 0;
  /** Hex; null until the file was read to its end. */
  sha256: string | null = null;
  readonly #hash: Sha256;
  readonly #onProgress: ((bytes: number) => void) | undefined;

  /** `fileBytes`: how large the file will be, if that is known; it decides on nothing but speed. */
  constructor(fileBytes: number | null, onProgress?: (bytes: number) => void) {
    this.#hash = (fileBytes ?? 0) < threadFromBytes ? plainHash() : new ThreadHash();
    this.#onProgress = onProgress;
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.#onProgress?.(this.bytes);
  }

  finish(): Buffer {
    const digest = this.#hash.digest();
    this.sha256 = digest.toString('hex');
    return digest;
  }

  /** Ends the thread, also when the file was not read to its end. */
  close(): void {
    this.#hash.close();
  }
}

function plainHash(): Sha256 {
  const hash = createHash('sha256');
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest(), close: () => {} };
}

class ThreadHash implements Sha256 {
  readonly #numbers = new Int32Array(new SharedArrayBuffer(4 * (places.lengths + slots)));
  readonly #ring = Buffer.from(new SharedArrayBuffer(slots * slotBytes));
  readonly #digest = new Uint8Array(new SharedArrayBuffer(32));
  readonly #worker: Worker;
  #written = 0;

  constructor() {
    this.#worker = new Worker(program, { eval: true, env: {}, workerData: { numbers: this.#numbers, ring: this.#ring, digest: this.#digest }, resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 } });
    this.#worker.unref();
  }

  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += slotBytes) this.#write(chunk.subarray(at, at + slotBytes));
  }

  digest(): Buffer {
    this.#write(new Uint8Array(0));
    this.#waitUntil(this.#written);
    if (Atomics.load(this.#numbers, places.hashed) !== this.#written) throw new ZastavaError('internal', 'The thread that hashes the kit is ahead of what there is to hash.');
    return Buffer.from(this.#digest);
  }

  close(): void {
    void this.#worker.terminate();
  }

  #write(piece: Uint8Array): void {
    this.#waitUntil(this.#written + 1 - slots);
    const slot = this.#written % slots;
    this.#ring.set(piece, slot * slotBytes);
    this.#numbers[places.lengths + slot] = piece.length;
    Atomics.store(this.#numbers, places.written, ++this.#written);
    Atomics.notify(this.#numbers, places.written);
  }

  /** Until so many slots are hashed. Nothing else can be done meanwhile: the bytes have to go somewhere. */
  #waitUntil(count: number): void {
    for (let hashed = Atomics.load(this.#numbers, places.hashed); hashed < count; hashed = Atomics.load(this.#numbers, places.hashed)) {
      if (Atomics.wait(this.#numbers, places.hashed, hashed, patienceMs) !== 'timed-out') continue;
      throw new ZastavaError('environment', `The thread that hashes the kit has not gone on for ${patienceMs / 1000} s; try again.`);
    }
  }
}
