/** Constant memory: a kit of hundreds of MiB goes through verify in a process of its own, by a pipe, and is never on a disk. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { renderSeekTable } from '../../../src/bytes/seek-table.ts';
import { renderTarHeader, tarEnd } from '../../../src/bytes/ustar.ts';
import { renderManifest, signManifest } from '../../../src/kit/manifest.ts';
import { compress, headOf, mtime, signDigest, tarOf, tinyFiles } from '../sealed-kit.ts';
import { testSigner } from '../tiny-kit.ts';

const MiB = 1024 * 1024;
const frameBytes = 8 * MiB;
const frames = 40;

/** The tiny kit with one large file: the same frame of noise again and again, so that it costs nothing to make. */
async function largeKit(): Promise<{ pieces: Buffer[]; sha256: Buffer; bytes: number; entries: number }> {
  const noise = randomBytes(frameBytes);
  const large = { path: 'zz/large.bin', size: frames * frameBytes, sha256: hashOf(Array<Buffer>(frames).fill(noise)).toString('hex'), mediaType: 'application/octet-stream', role: 'document' as const };
  const files = await tinyFiles();
  const signer = await testSigner();
  const records = [...files.map(({ bytes, ...file }) => ({ ...file, size: bytes.length, sha256: sha256Hex(bytes) })), large];
  const manifest = renderManifest({ name: 'large', version: '1.0.0', signedAt: '2026-01-02T03:04:06Z', signer, files: records });
  const small = tarOf([...headOf(manifest, signManifest(manifest, signer)), ...files]).subarray(0, -tarEnd.length);
  const first = Buffer.concat([small, renderTarHeader({ path: large.path, size: large.size, mtime })]);
  const contents = [first, ...Array<Buffer>(frames).fill(noise), Buffer.from(tarEnd)];
  const noiseFrame = compress(noise);
  const compressed = contents.map((content) => (content === noise ? noiseFrame : compress(content)));
  const table = renderSeekTable(compressed.map(({ length }, index) => ({ compressed: length, decompressed: contents[index]!.length })));
  const pieces = [...compressed, table];
  return { pieces, sha256: hashOf(pieces), bytes: pieces.reduce((sum, { length }) => sum + length, 0), entries: records.length };
}

function hashOf(pieces: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

test('a kit of 320 MiB is verified in less than 150 MiB of memory', async () => {
  const kit = await largeKit();
  const signer = await testSigner();
  const signatures = signDigest(kit.sha256, signer);
  const folder = await mkdtemp(join(tmpdir(), 'large-kit-'));
  const [key, bundle, signature] = [join(folder, 'key.pub'), join(folder, 'bundle'), join(folder, 'sig')];
  await Promise.all([writeFile(key, signer.publicKeyPem), writeFile(bundle, signatures.bundle!), writeFile(signature, signatures.signature!)]);
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./verify-stdin.ts')), key, bundle, signature], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [output] = await Promise.all([text(child.stdout), pipeline(Readable.from(kit.pieces), child.stdin), once(child, 'exit')]);
  await rm(folder, { recursive: true });
  const { residentKiBMax, ...outcome } = JSON.parse(output) as { residentKiBMax: number };
  expect(outcome).toEqual({ ok: true, code: null, bytes: kit.bytes, entries: kit.entries });
  expect(residentKiBMax).toBeLessThan(150 * 1024);
});
