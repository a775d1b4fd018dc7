/**
 * Kits sealed by hand for the tests of the reading side: the tiny kit's files, changed as a test likes, under a manifest,
 * an archive and signatures that are right again. So each inner check must stand on its own.
 */
import { readFile, rm } from 'node:fs/promises';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { bundleToJSON, toMessageSignatureBundle } from '@sigstore/bundle';
import { canonicalJson } from '../../src/bytes/canonical-json.ts';
import { sha256Bytes, sha256Hex } from '../../src/bytes/digest.ts';
import { renderSeekTable } from '../../src/bytes/seek-table.ts';
import { renderTarHeader, tarBlockBytes, tarEnd, tarPadding } from '../../src/bytes/ustar.ts';
import { attestationMediaTypes } from '../../src/contract/attestations.ts';
import { kitPaths, type KitFileRecord, type KitManifest } from '../../src/contract/kit-format.ts';
import { ociMediaTypes } from '../../src/contract/oci.ts';
import type { Signer } from '../../src/kit/keys.ts';
import { renderManifest, signManifest } from '../../src/kit/manifest.ts';
import type { SignatureFiles } from '../../src/kit/verify/file-signature.ts';
import type { VerifyReport } from '../../src/kit/verify/report.ts';
import { verifyKit, type VerifyOptions } from '../../src/kit/verify/verify-kit.ts';
import { makeTinyKit, testSigner } from './tiny-kit.ts';

export interface SealedFile extends Pick<KitFileRecord, 'path' | 'role' | 'mediaType'> {
  readonly bytes: Buffer;
}

export interface SealedKit {
  readonly bytes: Buffer;
  readonly tar: Buffer;
  readonly signatures: SignatureFiles;
}

/** Of every entry. */
export const mtime = 1_767_323_045;

/** The tiny kit's files, in archive order, but for the manifest and its signature. */
export async function tinyFiles(): Promise<SealedFile[]> {
  const kit = await makeTinyKit();
  const tar = zstdDecompressSync(await readFile(kit.path));
  await rm(kit.folder, { recursive: true });
  const [manifest, , ...files] = splitTar(tar);
  const records = (JSON.parse(manifest!.bytes.toString()) as KitManifest).files;
  return files.map(({ path, bytes }, index) => ({ path, bytes, role: records[index]!.role, mediaType: records[index]!.mediaType }));
}

/** The same files with some replaced by path; `undefined` takes one out. */
export function replace(files: readonly SealedFile[], changes: Readonly<Record<string, string | Buffer | undefined>>): SealedFile[] {
  return files
    .filter(({ path }) => !(path in changes) || changes[path] !== undefined)
    .map((file) => ({ ...file, bytes: Buffer.from(changes[file.path] ?? file.bytes) }));
}

/** Paths of what is attested of the tiny kit's image: referrers, their bundles, and the layout of signatures by tag. */
export function attestationFiles(files: readonly SealedFile[]): string[] {
  const own: readonly string[] = [ociMediaTypes.empty, attestationMediaTypes.bundle];
  return files.filter(({ path, mediaType, bytes }) => path.startsWith(kitPaths.signatures) || own.includes(mediaType) || (mediaType === ociMediaTypes.manifest && bytes.includes('"subject"'))).map(({ path }) => path);
}

export interface SealOptions {
  readonly signer?: Signer;
  readonly kind?: Signer['kind'];
  /** Changes the manifest before it is signed. */
  readonly manifest?: (manifest: KitManifest) => unknown;
}

/** A whole kit of these files, in the order given. */
export async function seal(files: readonly SealedFile[], options: SealOptions = {}): Promise<SealedKit> {
  const signer = options.signer ?? (await testSigner());
  const records = files.map(({ bytes, ...file }) => ({ ...file, size: bytes.length, sha256: sha256Hex(bytes) }));
  const facts = { name: 'tiny', version: '0.1.0', signedAt: '2026-01-02T03:04:06Z', signer: { kind: options.kind ?? signer.kind, keyId: signer.keyId } };
  const rendered = renderManifest({ ...facts, files: records });
  const manifest = options.manifest === undefined ? rendered : Buffer.from(canonicalJson(options.manifest(JSON.parse(Buffer.from(rendered).toString()) as KitManifest)));
  return sealTar(tarOf([...headOf(manifest, signManifest(manifest, signer)), ...files]), signer);
}

export function headOf(manifest: Uint8Array, jws: Uint8Array): { path: string; bytes: Uint8Array }[] {
  return [{ path: kitPaths.manifest, bytes: manifest }, { path: kitPaths.manifestSignature, bytes: jws }];
}

/** Frames and signatures around a tar, whatever is in it. */
export async function sealTar(tar: Buffer, signer?: Signer, frameBytes?: number): Promise<SealedKit> {
  const bytes = frame(tar, frameBytes);
  return { bytes, tar, signatures: signFile(bytes, signer ?? (await testSigner())) };
}

export function tarOf(entries: readonly { path: string; bytes: Uint8Array }[]): Buffer {
  const blocks = entries.flatMap(({ path, bytes }) => [renderTarHeader({ path, size: bytes.length, mtime }), bytes, Buffer.alloc(tarPadding(bytes.length))]);
  return Buffer.concat([...blocks, tarEnd]);
}

/** Entries of a tar that is known to be right, with the place of each header. */
export function splitTar(tar: Buffer): { path: string; header: number; bytes: Buffer }[] {
  const entries: { path: string; header: number; bytes: Buffer }[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const path = tar.toString('latin1', at, at + 100).replaceAll('\0', '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const start = at + tarBlockBytes;
    entries.push({ path, header: at, bytes: tar.subarray(start, start + size) });
    at = start + size + tarPadding(size);
  }
  return entries;
}

export function compress(content: Uint8Array, params: Record<number, number> = {}): Buffer {
  return zstdCompressSync(content, { pledgedSrcSize: content.length, params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1, ...params } });
}

/** Independent frames of `frameBytes` and their seek table. */
export function frame(content: Buffer, frameBytes = content.length): Buffer {
  const pieces = Array.from({ length: Math.ceil(content.length / frameBytes) }, (_, index) => content.subarray(index * frameBytes, (index + 1) * frameBytes));
  const frames = pieces.map((piece) => compress(piece));
  return Buffer.concat([...frames, renderSeekTable(frames.map(({ length }, index) => ({ compressed: length, decompressed: pieces[index]!.length })))]);
}

export function signFile(bytes: Buffer, signer: Signer): SignatureFiles {
  return signDigest(Buffer.from(sha256Bytes(bytes)), signer);
}

export function signDigest(digest: Buffer, signer: Signer): SignatureFiles {
  const signature = Buffer.from(signer.signDigest(digest));
  const keyHint = Buffer.from(signer.keyId.slice('sha256:'.length), 'hex').toString('base64');
  return { signature: `${signature.toString('base64')}\n`, bundle: JSON.stringify(bundleToJSON(toMessageSignatureBundle({ digest, signature, keyHint }))) };
}

export async function verify(kit: Pick<SealedKit, 'bytes' | 'signatures'>, options: Partial<VerifyOptions> = {}): Promise<VerifyReport> {
  return verifyKit(chunksOf(kit.bytes), { keyPem: (await testSigner()).publicKeyPem, signatures: kit.signatures, ...options });
}

/** As a file system or a pipe would give it. */
export async function* chunksOf(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
