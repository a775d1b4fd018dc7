/**
 * Writes a kit's archive: entries → ustar → zstd frames → file, in one pass and constant memory. The manifest stands
 * first, so every size and digest is known before; what is streamed is hashed again and must be the bytes announced.
 * Frames are independent, of exactly `frameBytes` each (the last is shorter), so the bytes do not depend on how the
 * sources were chunked. `nbWorkers` is never set: Node's zlib loses data with it (adr/0007).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { renderSeekTable } from '../bytes/seek-table.ts';
import { renderTarHeader, tarBlockBytes, tarEnd, tarPadding } from '../bytes/ustar.ts';
import { ZastavaError } from '../contract/errors.ts';
import type { SeekRow } from '../contract/zstd-seekable.ts';

/** Level 3: layers are gzip already, and higher levels only cost time. */
export const compression = { encoder: `zstd ${process.versions.zstd}`, level: 3, frameBytesMax: 4 * 1024 * 1024 } as const;

/** Two frames are compressed at a time, on the thread pool. */
const framesInFlight = 2;

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
  const hash = createHash('sha256');
  const rows: SeekRow[] = [];
  let bytes = 0;
  let done = 0;
  const put = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    await file.writeFile(chunk);
    bytes += chunk.length;
  };
  for await (const { frame, decompressed } of compressFrames(cut(tarStream(entries, options.mtime), compression.frameBytesMax))) {
    await put(frame);
    rows.push({ compressed: frame.length, decompressed });
    options.onProgress?.((done += decompressed), total);
  }
  await put(renderSeekTable(rows));
  return { sha256: hash.digest('hex'), bytes };
}

async function* tarStream(entries: readonly ArchiveEntry[], mtime: number): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield renderTarHeader({ path: entry.path, size: entry.size, mtime });
    yield* announcedBytes(entry);
    yield new Uint8Array(tarPadding(entry.size));
  }
  yield tarEnd;
}

async function* announcedBytes({ path, size, sha256, source }: ArchiveEntry): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let seen = 0;
  const chunks = source instanceof Uint8Array ? [source] : createReadStream(source.file, { highWaterMark: 1024 * 1024 });
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
    seen += chunk.length;
    hash.update(chunk);
    if (seen <= size) yield chunk;
  }
  const found = hash.digest('hex');
  if (seen !== size || found !== sha256) {
    throw new ZastavaError('environment', `The source of ${path} changed while the kit was written; build it again.`, {
      problems: [{ where: path, expected: `${size} bytes, sha256 ${sha256}`, found: `${seen} bytes, sha256 ${found}` }],
    });
  }
}

/** The same bytes in pieces of exactly `size`, but the last. Each piece is a buffer of its own. */
async function* cut(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let piece = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === size) {
        yield piece;
        piece = Buffer.allocUnsafe(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** One frame a piece, with content size and checksum; `framesInFlight` at a time, in order. */
async function* compressFrames(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<{ frame: Uint8Array; decompressed: number }> {
  const queue: Promise<{ frame: Uint8Array; decompressed: number }>[] = [];
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

async function compressFrame(piece: Uint8Array): Promise<{ frame: Uint8Array; decompressed: number }> {
  const frame = await promisify(zstdCompress)(piece, {
    params: {
      [constants.ZSTD_c_compressionLevel]: compression.level,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: piece.length,
    chunkSize: 1024 * 1024,
  });
  return { frame, decompressed: piece.length };
}
