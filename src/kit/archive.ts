/**
 * Writes a kit's archive: entries → ustar → zstd frames → file, in one pass and constant memory. The manifest stands
 * first, so every size and digest is known before; what is streamed is hashed again and must be the bytes announced.
 * Frames are independent, of exactly `frameBytes` each (the last is shorter), so the bytes do not depend on how the
 * sources were chunked. `nbWorkers` is never set: Node's zlib loses data with it (adr/0007).
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { release } from '../bytes/release.ts';
import { renderSeekTable } from '../bytes/seek-table.ts';
import { renderTarHeader, tarBlockBytes, tarEnd, tarPadding } from '../bytes/ustar.ts';
import { ZastavaError } from '../contract/errors.ts';
import type { SeekRow } from '../contract/zstd-seekable.ts';
import { FileDigest } from './file-digest.ts';

/** Level 1: layers are gzip already, and higher levels cost time for a few thousandths of the size. */
export const compression = { encoder: `zstd ${process.versions.zstd}`, level: 1, frameBytesMax: 4 * 1024 * 1024 } as const;

/** Two frames are compressed at a time, on the thread pool. */
const framesInFlight = 2;

/** So much is written before it is sent on to the disk. */
const syncBytes = 64 * 1024 * 1024;

/** Bytes in memory, or a file. */
export type Source = Uint8Array | { readonly file: string };

export interface ArchiveEntry {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  readonly source: Source;
}

export interface ArchiveOptions {
  /** Seconds since 1970, of every entry. */
  readonly mtime: number;
  /** Called after each frame, with uncompressed bytes. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Writes `entries` in the order given. A source that no longer has the bytes announced is an `environment` error. */
export async function writeArchive(file: FileHandle, entries: readonly ArchiveEntry[], options: ArchiveOptions): Promise<{ sha256: string; bytes: number }> {
  const total = entries.reduce((sum, entry) => sum + tarBlockBytes + entry.size + tarPadding(entry.size), tarEnd.length);
  const digest = new FileDigest(total);
  const output = new WriteBehind(file);
  const pieces = new Pieces(compression.frameBytesMax);
  const rows: SeekRow[] = [];
  /** Returns the bytes that these are; they may not be used any more. */
  const put = async (chunks: readonly Uint8Array[]): Promise<number> => {
    const before = digest.bytes;
    for (const chunk of chunks) digest.add(chunk);
    await output.write(chunks);
    return digest.bytes - before;
  };
  let done = 0;
  try {
    for await (const { chunks, piece } of compressFrames(tarPieces(entries, options.mtime, pieces))) {
      rows.push({ compressed: await put(chunks), decompressed: piece.length });
      options.onProgress?.((done += piece.length), total);
      pieces.giveBack(piece);
    }
    await put([renderSeekTable(rows)]);
    await output.end();
    return { sha256: digest.finish().toString('hex'), bytes: digest.bytes };
  } finally {
    digest.close();
  }
}

/** One write is under way while the next frame is made, and what is written goes to the disk all the while, not at the end. */
class WriteBehind {
  readonly #file: FileHandle;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();
  #unsynced = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Returns when the write before is done. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    await this.#writing;
    this.#writing = this.#writeAll(chunks);
    // Its error is thrown by the next write, or by the end.
    this.#writing.catch(() => {});
  }

  async #writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      this.#unsynced += chunk.length;
      await this.#file.writeFile(chunk);
    }
    chunks.forEach(release);
    if (this.#unsynced < syncBytes) return;
    this.#unsynced = 0;
    await this.#syncing;
    this.#syncing = this.#file.datasync();
    this.#syncing.catch(() => {});
  }

  async end(): Promise<void> {
    await this.#writing;
    await this.#syncing;
  }
}

/** The archive in pieces of exactly `size`, but the last; each piece is a buffer of its own, for as long as it is not given back. */
class Pieces {
  readonly #size: number;
  readonly #free: Buffer[] = [];
  #piece: Buffer;
  #filled = 0;

  constructor(size: number) {
    this.#size = size;
    this.#piece = Buffer.allocUnsafeSlow(size);
  }

  /** What is left of the present piece, to be filled from its start. */
  get room(): Buffer {
    return this.#piece.subarray(this.#filled);
  }

  /** The first `length` bytes of the room have been filled. */
  *fill(length: number): Generator<Buffer> {
    this.#filled += length;
    if (this.#filled === this.#size) yield this.#take();
  }

  *add(bytes: Uint8Array): Generator<Buffer> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.room.length);
      this.room.set(part);
      yield* this.fill(part.length);
      at += part.length;
    }
  }

  *end(): Generator<Buffer> {
    if (this.#filled > 0) yield this.#take();
  }

  giveBack(piece: Buffer): void {
    this.#free.push(piece);
  }

  #take(): Buffer {
    const piece = this.#piece.subarray(0, this.#filled);
    this.#piece = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
    this.#filled = 0;
    return piece;
  }
}

async function* tarPieces(entries: readonly ArchiveEntry[], mtime: number, pieces: Pieces): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield* pieces.add(renderTarHeader({ path: entry.path, size: entry.size, mtime }));
    yield* announcedPieces(entry, pieces);
    yield* pieces.add(new Uint8Array(tarPadding(entry.size)));
  }
  yield* pieces.add(tarEnd);
  yield* pieces.end();
}

/** The bytes of an entry, read straight into the pieces, and hashed there. */
async function* announcedPieces({ path, size, sha256, source }: ArchiveEntry, pieces: Pieces): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let seen = 0;
  if (source instanceof Uint8Array) {
    hash.update(source);
    seen = source.length;
    if (seen === size) yield* pieces.add(source);
  } else {
    await using file = await open(source.file);
    for await (const { bytes, piece } of readInto(pieces, file)) {
      hash.update(bytes);
      if ((seen += bytes.length) > size) break;
      yield* piece;
    }
  }
  const found = hash.digest('hex');
  if (seen !== size || found !== sha256) {
    throw new ZastavaError('environment', `The source of ${path} changed while the kit was written; build it again.`, {
      problems: [{ where: path, expected: `${size} bytes, sha256 ${sha256}`, found: `${seen} bytes, sha256 ${found}` }],
    });
  }
}

/** What was read, and the piece that it made full, if it did. The next read is under way meanwhile. */
async function* readInto(pieces: Pieces, file: FileHandle): AsyncGenerator<{ bytes: Buffer; piece: Buffer[] }> {
  const read = async (): Promise<Buffer> => {
    const { room } = pieces;
    return room.subarray(0, (await file.read(room)).bytesRead);
  };
  for (let bytes = await read(); bytes.length > 0; ) {
    const piece = [...pieces.fill(bytes.length)];
    const next = read();
    // Its error is thrown when it is its turn.
    next.catch(() => {});
    yield { bytes, piece };
    bytes = await next;
  }
}

interface Frame {
  readonly chunks: readonly Uint8Array[];
  /** What it was made of. */
  readonly piece: Buffer;
}

/** One frame a piece, with content size and checksum; `framesInFlight` at a time, in order. */
async function* compressFrames(pieces: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  const queue: Promise<Frame>[] = [];
  try {
    for await (const piece of pieces) {
      queue.push(compressFrame(piece));
      if (queue.length === framesInFlight) yield await queue.shift()!;
    }
    while (queue.length > 0) yield await queue.shift()!;
  } finally {
    await Promise.allSettled(queue);
  }
}

async function compressFrame(piece: Buffer): Promise<Frame> {
  const stream = createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: compression.level,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: piece.length,
    // More than a frame needs that does not compress, so that it does not come in many.
    chunkSize: piece.length + (piece.length >> 8) + 1024,
  });
  stream.end(piece);
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return { chunks, piece };
}
