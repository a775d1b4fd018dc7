import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZstdCodec, type Zstd } from 'zstd-codec';
import { sha256Hex } from '../../src/bytes/digest.ts';
import { seekTable } from '../../src/contract/zstd-seekable.ts';
import { compression, writeArchive, type ArchiveEntry, type Source } from '../../src/kit/archive.ts';

const large = randomBytes(9 * 1024 * 1024 + 5);
const folder = await mkdtemp(join(tmpdir(), 'archive-'));
afterAll(() => rm(folder, { recursive: true }));

function entry(path: string, bytes: Uint8Array, source: Source = bytes): ArchiveEntry {
  return { path, size: bytes.length, sha256: sha256Hex(bytes), source };
}

async function write(name: string, entries: readonly ArchiveEntry[]): Promise<{ archive: Buffer; sha256: string; bytes: number; progress: number[][] }> {
  const progress: number[][] = [];
  const path = join(folder, name);
  await using file = await open(path, 'w');
  const written = await writeArchive(file, entries, { mtime: 1_700_000_000, onProgress: (done, total) => progress.push([done, total]) });
  return { archive: await readFile(path), ...written, progress };
}

/** The rows of the table at the end, read from the back as a seekable reader does. */
function seekRows(archive: Buffer): { compressed: number; decompressed: number }[] {
  expect(archive.readUInt32LE(archive.length - 4)).toBe(seekTable.footerMagic);
  const count = archive.readUInt32LE(archive.length - seekTable.footerBytes);
  const start = archive.length - seekTable.footerBytes - count * seekTable.rowBytes;
  expect(archive.readUInt32LE(start - 8)).toBe(seekTable.skippableMagic);
  expect(archive.readUInt32LE(start - 4)).toBe(archive.length - start);
  return Array.from({ length: count }, (_, row) => ({
    compressed: archive.readUInt32LE(start + row * 8),
    decompressed: archive.readUInt32LE(start + row * 8 + 4),
  }));
}

/** By the WebAssembly build of zstd in zstd-codec; in chunks, since its memory does not hold the whole at once. */
async function decodedByZstdCodec(archive: Uint8Array): Promise<Uint8Array | null> {
  const chunks = Array.from({ length: Math.ceil(archive.length / 65_536) }, (_, index) => archive.subarray(index * 65_536, (index + 1) * 65_536));
  const zstd = await new Promise<Zstd>((resolve) => ZstdCodec.run(resolve));
  return new zstd.Streaming().decompressChunks(chunks, 16 * 1024 * 1024);
}

describe('an archive', () => {
  let written: Awaited<ReturnType<typeof write>>;
  let tar: Buffer;

  beforeAll(async () => {
    await writeFile(join(folder, 'large'), large);
    written = await write('one.tar.zst', [entry('b', Buffer.from('text')), entry('a', large, { file: join(folder, 'large') }), entry('empty', Buffer.alloc(0))]);
    tar = zstdDecompressSync(written.archive);
  });

  test('tells its own size and digest', () => {
    expect(written.bytes).toBe(written.archive.length);
    expect(written.sha256).toBe(sha256Hex(written.archive));
  });

  test('is read by tar-stream, in the order given', async () => {
    const reader = extract();
    reader.end(tar);
    const found: [string, string][] = [];
    for await (const item of reader) {
      const hash = createHash('sha256');
      for await (const chunk of item) hash.update(chunk as Uint8Array);
      found.push([item.header.name, hash.digest('hex')]);
    }
    expect(found).toEqual([['b', sha256Hex('text')], ['a', sha256Hex(large)], ['empty', sha256Hex('')]]);
  });

  test('ends with exactly two zero blocks', () => {
    expect(tar.length % 512).toBe(0);
    expect(tar.subarray(-1024).equals(Buffer.alloc(1024))).toBe(true);
    expect(tar.subarray(-1536, -1024).toString('latin1', 0, 5)).toBe('empty');
  });

  test('is decompressed by an independent decoder to the same bytes', async () => {
    expect(Buffer.from((await decodedByZstdCodec(written.archive)) ?? []).equals(tar)).toBe(true);
  });

  test('has a seek table by which every frame can be decompressed alone', () => {
    const rows = seekRows(written.archive);
    expect(rows.map(({ decompressed }) => decompressed)).toEqual([compression.frameBytesMax, compression.frameBytesMax, tar.length - 2 * compression.frameBytesMax]);
    let at = 0;
    const parts = rows.map(({ compressed, decompressed }) => {
      const frame = written.archive.subarray(at, (at += compressed));
      const content = zstdDecompressSync(frame);
      expect(content.length).toBe(decompressed);
      // Frame header descriptor: content size present, checksum present, no dictionary.
      expect(frame[4]! & 0b0000_0111).toBe(0b0000_0100);
      expect(frame[4]! >> 6).toBeGreaterThan(0);
      return content;
    });
    expect(Buffer.concat(parts).equals(tar)).toBe(true);
  });

  test('is the same bytes from memory and from a file', async () => {
    const again = await write('two.tar.zst', [entry('b', Buffer.from('text')), entry('a', large), entry('empty', Buffer.alloc(0))]);
    expect(again.sha256).toBe(written.sha256);
  });

  test('reports its progress frame by frame, up to the whole', () => {
    expect(written.progress.map(([done]) => done)).toEqual([compression.frameBytesMax, 2 * compression.frameBytesMax, tar.length]);
    expect(new Set(written.progress.map(([, total]) => total))).toEqual(new Set([tar.length]));
  });

  test.each([
    ['longer', Buffer.from('text and more')],
    ['shorter', Buffer.from('tex')],
    ['another', Buffer.from('tixt')],
  ])('is not written when a source is %s than it was when hashed', async (_name, now) => {
    await expect(write('bad.tar.zst', [entry('b', Buffer.from('text'), now)])).rejects.toMatchObject({
      code: 'environment',
      problems: [{ where: 'b', expected: `4 bytes, sha256 ${sha256Hex('text')}` }],
    });
  });
});
