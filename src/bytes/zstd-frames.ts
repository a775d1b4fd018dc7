/**
 * Reads the zstd frames of a kit one by one from a stream (RFC 8878). The headers are parsed here, so that sizes are
 * known and limited before anything is decompressed; each frame is then decompressed whole by Node's own zstd, on the
 * thread pool, while the frame before it is looked at.
 * Stricter than the format: content size and checksum must be there, no dictionary, and one seek table is the end.
 */
import { constants, zstdDecompress } from 'node:zlib';
import type { ZastavaError } from '../contract/errors.ts';
import { seekTable, type SeekRow } from '../contract/zstd-seekable.ts';
import type { ByteReader } from './byte-reader.ts';
import { refusal } from './refusal.ts';
import { release } from './release.ts';
import { renderSeekTable } from './seek-table.ts';

const frameMagic = 0xfd2fb528;
const checksumBytes = 4;
const contentSizeBytes = [1, 2, 4, 8] as const;

export type FrameLimits = Readonly<Record<'frameBytesMax' | 'windowLogMax' | 'framesMax' | 'totalBytesMax' | 'ratioMax', number>>;

/**
 * The content of each frame in turn; a frame's bytes are valid until the next one is asked for (then the memory is
 * given back). Ends after the seek table was checked and the stream is at its end.
 * Throws `kit.compression-invalid`, `kit.seek-table-invalid`, `kit.trailing-bytes`, `kit.truncated`, `kit.limit-exceeded`.
 */
export async function* readZstdFrames(input: ByteReader, limits: FrameLimits): AsyncGenerator<Uint8Array, void> {
  try {
    const frames: SeekRow[] = [];
    yield* readFrames(input, limits, frames);
    await checkSeekTable(input, frames);
    if (await input.atEnd()) return;
    throw refusal('kit.trailing-bytes', { where: `kit, byte ${input.position}`, expected: 'the end after the seek table', found: 'more bytes' });
  } finally {
    await input.close();
  }
}

/** Up to and including the magic of the seek table. One frame is read ahead; what is wrong with it is said when it is its turn. */
async function* readFrames(input: ByteReader, limits: FrameLimits, frames: SeekRow[]): AsyncGenerator<Uint8Array, void> {
  const reader = new FrameReader(input, limits, frames);
  for (let content = await reader.read(); content !== null; ) {
    const [next] = await Promise.allSettled([reader.read()]);
    const bytes = await content.bytes;
    yield bytes;
    release(bytes);
    if (next.status === 'rejected') throw next.reason;
    content = next.value;
  }
}

class FrameReader {
  readonly #input: ByteReader;
  readonly #limits: FrameLimits;
  readonly #frames: SeekRow[];
  /** One is being filled while the other is being decompressed. */
  readonly #rooms = [new FrameRoom(), new FrameRoom()] as const;
  #totalBytes = 0;

  constructor(input: ByteReader, limits: FrameLimits, frames: SeekRow[]) {
    this.#input = input;
    this.#limits = limits;
    this.#frames = frames;
  }

  /** Reads the next frame, and begins to decompress it; null when the seek table is next. */
  async read(): Promise<{ readonly bytes: Promise<Uint8Array> } | null> {
    const [input, limits] = [this.#input, this.#limits];
    const room = this.#rooms[this.#frames.length & 1]!;
    const start = input.position;
    room.empty();
    const magic = (await room.append(input, 4)).readUInt32LE();
    if (magic === seekTable.skippableMagic) return null;
    if (magic !== frameMagic) throw damaged(start, 'a zstd frame or the seek table', `magic 0x${magic.toString(16)}`);
    const contentBytes = await readFrameHeader(input, room, limits, start);
    this.#totalBytes += contentBytes;
    within(this.#frames.length + 1, limits.framesMax, 'frames');
    within(this.#totalBytes, limits.totalBytesMax, 'bytes when decompressed');
    await readBlocks(input, room, contentBytes, start);
    within(Math.ceil(this.#totalBytes / input.position), limits.ratioMax, 'times its size when decompressed');
    this.#frames.push({ compressed: room.bytes.length, decompressed: contentBytes });
    const bytes = decompress(room.bytes, contentBytes, limits.windowLogMax, start);
    // Nobody will hear of it, if the reading ends before.
    bytes.catch(() => {});
    return { bytes };
  }
}

/** The compressed bytes of the frame that is being read: one buffer for all frames, never larger than one needs. */
class FrameRoom {
  #buffer = Buffer.alloc(32);
  #length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  empty(): void {
    this.#length = 0;
  }

  reserve(length: number): void {
    if (this.#buffer.length >= length) return;
    const larger = Buffer.allocUnsafeSlow(length);
    this.bytes.copy(larger);
    this.#buffer = larger;
  }

  holds(more: number): boolean {
    return this.#length + more <= this.#buffer.length;
  }

  /** Reads exactly `length` bytes to the end of the room and returns them. */
  async append(input: ByteReader, length: number): Promise<Buffer> {
    const added = this.#buffer.subarray(this.#length, this.#length + length);
    await input.fill(added);
    this.#length += length;
    return added;
  }
}

/** Reads the header after the magic (RFC 8878 3.1.1.1); returns the content size in bytes. */
async function readFrameHeader(input: ByteReader, room: FrameRoom, limits: FrameLimits, start: number): Promise<number> {
  const descriptor = (await room.append(input, 1)).readUInt8();
  const sizeFlag = descriptor >> 6;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x18) !== 0) throw damaged(start, 'unused bits of the frame header to be zero', 'one that is set');
  if ((descriptor & 0x04) === 0) throw damaged(start, 'a frame with a checksum', 'none');
  if ((descriptor & 0x03) !== 0) throw damaged(start, 'a frame that needs no dictionary', 'one that does');
  if (sizeFlag === 0 && !singleSegment) throw damaged(start, 'a frame with its content size', 'none');
  if (!singleSegment) {
    const window = (await room.append(input, 1)).readUInt8();
    const windowBytes = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
    within(windowBytes, 2 ** limits.windowLogMax, 'bytes of zstd window');
  }
  const field = await room.append(input, contentSizeBytes[sizeFlag as 0 | 1 | 2 | 3]);
  const contentBytes =
    field.length === 8 ? Number(field.readBigUInt64LE()) : field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
  within(contentBytes, limits.frameBytesMax, 'bytes in one frame');
  if (contentBytes === 0) throw damaged(start, 'a frame with content', 'an empty one');
  return contentBytes;
}

/** Reads the blocks and the checksum, by the sizes in the block headers (RFC 8878 3.1.1.2). */
async function readBlocks(input: ByteReader, room: FrameRoom, contentBytes: number, start: number): Promise<void> {
  room.reserve(compressedBytesMax(contentBytes));
  for (let last = false; !last; ) {
    if (!room.holds(3)) throw damaged(start, 'blocks that are worth their headers', 'a frame larger than its content');
    const header = (await room.append(input, 3)).readUIntLE(0, 3);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    if (type === 3) throw damaged(start, 'a block of a known type', 'the reserved one');
    const size = type === 1 ? 1 : header >> 3;
    if (!room.holds(size + (last ? checksumBytes : 0))) {
      throw damaged(start, 'blocks that are worth their headers', 'a frame larger than its content');
    }
    await room.append(input, size);
  }
  await room.append(input, checksumBytes);
}

/** No encoder needs more for this content: raw blocks with their headers, and the frame's own header and checksum. */
function compressedBytesMax(contentBytes: number): number {
  return contentBytes + (contentBytes >> 8) + 256;
}

async function decompress(frame: Uint8Array, contentBytes: number, windowLogMax: number, start: number): Promise<Uint8Array> {
  const options = { chunkSize: Math.max(contentBytes + 1, 64), maxOutputLength: contentBytes, params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } };
  const content = await new Promise<Uint8Array>((resolve, reject) => {
    zstdDecompress(frame, options, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(damaged(start, 'a frame that can be decompressed', error.message, error));
    });
  });
  if (content.length !== contentBytes) throw damaged(start, `${contentBytes} bytes of content`, `${content.length}`);
  return content;
}

async function checkSeekTable(input: ByteReader, frames: readonly SeekRow[]): Promise<void> {
  const start = input.position - 4;
  const expected = renderSeekTable(frames);
  for (let at = 4; at < expected.length; ) {
    const found = await input.take(expected.length - at);
    if (!expected.subarray(at, at + found.length).equals(found)) {
      throw refusal('kit.seek-table-invalid', { where: `kit, byte ${start}`, expected: `a seek table of the ${frames.length} frames before it`, found: 'another' });
    }
    at += found.length;
  }
}

function within(found: number, max: number, what: string): void {
  if (found > max) throw refusal('kit.limit-exceeded', { where: 'kit', expected: `at most ${max} ${what}`, found: `${found}` });
}

function damaged(start: number, expected: string, found: string, cause?: unknown): ZastavaError {
  return refusal('kit.compression-invalid', { where: `kit, zstd frame at byte ${start}`, expected, found }, cause);
}
