/**
 * Reads the tar of a kit entry by entry (POSIX ustar), so strictly that there is one way to write it: every header must
 * be, byte for byte, what `renderTarHeader` gives for its path, size and time. Regular files only, names from an
 * allow-list, the kit's order, zero padding, and exactly two zero blocks at the end.
 */
import type { ZastavaError } from '../contract/errors.ts';
import { kitHead, kitLimits } from '../contract/kit-format.ts';
import { isKitPath } from '../contract/kit-path.ts';
import type { ByteReader } from './byte-reader.ts';
import { refusal } from './refusal.ts';
import { renderTarHeader, tarBlockBytes, tarEnd, tarPadding } from './ustar.ts';

export type TarLimits = Readonly<Record<'entriesMax' | 'entryBytesMax', number>>;

export interface TarEntry {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The content, once; each piece is valid until the next one is asked for. What is not read is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The entries in turn. Throws `kit.archive-invalid`, `kit.truncated`, `kit.trailing-bytes`, `kit.limit-exceeded`, and what
 * the source throws.
 */
export async function* readTarEntries(input: ByteReader, limits: TarLimits): AsyncGenerator<TarEntry, void> {
  try {
    yield* readHeadersAndContent(input, limits);
    await readEnd(input);
  } finally {
    await input.close();
  }
}

/** Up to and including the first zero block. */
async function* readHeadersAndContent(input: ByteReader, limits: TarLimits): AsyncGenerator<TarEntry, void> {
  const block = Buffer.alloc(tarBlockBytes);
  let previous: ParsedHeader | undefined;
  for (let count = 0; ; count++) {
    const start = input.position;
    await input.fill(block);
    if (isZero(block)) return;
    if (count === limits.entriesMax) throw tooLarge(`at most ${limits.entriesMax} entries`, 'more');
    const header = parseHeader(block, limits, start);
    checkOrder(header, previous, count, start);
    const body = { left: header.size };
    yield { path: header.path, size: header.size, content: readContent(input, body) };
    for await (const _rest of readContent(input, body));
    await skipPadding(input, tarPadding(header.size), header.path);
    previous = header;
  }
}

async function readEnd(input: ByteReader): Promise<void> {
  const block = Buffer.alloc(tarBlockBytes);
  await input.fill(block);
  if (!isZero(block)) throw broken(input.position - tarBlockBytes, 'a second zero block', 'another one');
  if (await input.atEnd()) return;
  throw refusal('kit.trailing-bytes', { where: `archive, byte ${input.position}`, expected: 'its end after two zero blocks', found: 'more bytes' });
}

interface ParsedHeader {
  readonly path: string;
  readonly size: number;
  readonly mtime: number;
}

/** The fields that matter, each with its place, so that a message can name what differs. */
const fields = [
  ['name', 0], ['mode', 100], ['uid', 108], ['gid', 116], ['size', 124], ['mtime', 136], ['checksum', 148],
  ['type (regular files only)', 156], ['link name', 157], ['magic (ustar)', 257], ['version', 263], ['owner', 265],
  ['group', 297], ['device', 329], ['prefix', 345], ['padding', 500],
] as const;

function parseHeader(block: Buffer, limits: TarLimits, start: number): ParsedHeader {
  const path = block.toString('latin1', 0, kitLimits.pathBytesMax).replace(/\0+$/, '');
  if (!isKitPath(path)) throw broken(start, 'a relative path of ASCII letters, digits and "._+-/" without "." and ".."', JSON.stringify(path));
  const header = { path, size: parseOctal(block, 124, start), mtime: parseOctal(block, 136, start) };
  if (header.size > limits.entryBytesMax) throw tooLarge(`at most ${limits.entryBytesMax} bytes in ${path}`, `${header.size}`);
  const expected = renderTarHeader(header);
  const differs = block.findIndex((byte, index) => byte !== expected[index]);
  if (differs >= 0) {
    const field = fields.findLast(([, offset]) => offset <= differs)!;
    throw broken(start, `the only form that a header may have (${path})`, `another ${field[0]}`);
  }
  return header;
}

function parseOctal(block: Buffer, offset: number, start: number): number {
  const text = block.toString('latin1', offset, offset + 12);
  if (!/^[0-7]{11}\0$/.test(text)) throw broken(start, '11 octal digits', JSON.stringify(text));
  return Number.parseInt(text, 8);
}

/** Head first, then sorted by bytes: so a second entry of one name cannot hide. One time for all. */
function checkOrder(header: ParsedHeader, previous: ParsedHeader | undefined, index: number, start: number): void {
  const due = kitHead[index];
  if (due !== undefined && header.path !== due) throw broken(start, `the entry ${due}`, header.path);
  if (due === undefined && previous !== undefined) {
    if (kitHead.includes(header.path)) throw broken(start, 'an entry once', `${header.path} again`);
    if (index > kitHead.length && header.path <= previous.path) throw broken(start, `an entry after ${previous.path} in the order of bytes`, header.path);
  }
  if (previous !== undefined && header.mtime !== previous.mtime) throw broken(start, `the time ${previous.mtime} as in the entries before`, `${header.mtime}`);
}

async function* readContent(input: ByteReader, body: { left: number }): AsyncGenerator<Uint8Array, void> {
  while (body.left > 0) {
    const piece = await input.take(body.left);
    body.left -= piece.length;
    yield piece;
  }
}

async function skipPadding(input: ByteReader, length: number, path: string): Promise<void> {
  const start = input.position;
  const padding = Buffer.alloc(length);
  await input.fill(padding);
  if (!isZero(padding)) throw broken(start, `zero bytes after ${path}`, 'others');
}

function isZero(block: Uint8Array): boolean {
  return tarEnd.length >= block.length && Buffer.compare(block, tarEnd.subarray(0, block.length)) === 0;
}

function tooLarge(expected: string, found: string): ZastavaError {
  return refusal('kit.limit-exceeded', { where: 'archive', expected, found });
}

function broken(start: number, expected: string, found: string): ZastavaError {
  return refusal('kit.archive-invalid', { where: `archive, byte ${start}`, expected, found });
}
