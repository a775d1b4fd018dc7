/** A kit as a stream of its entries: bytes → zstd frames → tar, all limits of the contract applied. */
import { ByteReader } from '../bytes/byte-reader.ts';
import { refusal } from '../bytes/refusal.ts';
import { readTarEntries, type TarEntry } from '../bytes/tar-entries.ts';
import { readZstdFrames } from '../bytes/zstd-frames.ts';
import { kitLimits } from '../contract/kit-format.ts';

/** `onChunk` sees the file's bytes as they are read; after the last entry it has seen all of them. */
export function readKitEntries(input: AsyncIterable<Uint8Array>, onChunk?: (chunk: Uint8Array) => void): AsyncGenerator<TarEntry, void> {
  const file = new ByteReader('kit', input, onChunk);
  return readTarEntries(new ByteReader('archive', readZstdFrames(file, kitLimits)), kitLimits);
}

/** The next entry's whole content. The reader of the archive has already seen to it that the head's entries come in their order. */
export async function readWhole(entry: TarEntry, bytesMax: number): Promise<Buffer> {
  if (entry.size > bytesMax) throw refusal('kit.limit-exceeded', { where: entry.path, expected: `at most ${bytesMax} bytes`, found: `${entry.size}` });
  const content = Buffer.allocUnsafe(entry.size);
  let filled = 0;
  for await (const piece of entry.content) {
    content.set(piece, filled);
    filled += piece.length;
  }
  return content;
}

/** The first two entries: the manifest and its signature. */
export async function readKitHead(entries: AsyncGenerator<TarEntry, void>): Promise<{ manifest: Buffer; signature: Buffer }> {
  const manifest = await readWhole(await nextEntry(entries), kitLimits.manifestBytesMax);
  const signature = await readWhole(await nextEntry(entries), kitLimits.signatureBytesMax);
  return { manifest, signature };
}

async function nextEntry(entries: AsyncGenerator<TarEntry, void>): Promise<TarEntry> {
  const next = await entries.next();
  if (next.done === true) throw refusal('kit.archive-invalid', { where: 'archive', expected: 'the manifest and its signature', found: 'the end' });
  return next.value;
}
