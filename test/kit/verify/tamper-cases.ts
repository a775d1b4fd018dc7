/**
 * Makes the cases of the tamper matrix: each tampering once at every level that its region has a code for. What a
 * tampering changes (bytes of the file, the archive, its files, the manifest, the files beside) decides what is sealed anew.
 */
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { ZastavaError, type ErrorCode } from '../../../src/contract/errors.ts';
import { kitPaths, type KitManifest } from '../../../src/contract/kit-format.ts';
import { renderManifest, signManifest } from '../../../src/kit/manifest.ts';
import type { SignatureFiles } from '../../../src/kit/verify/file-signature.ts';
import type { verifyKit, VerifyOptions } from '../../../src/kit/verify/verify-kit.ts';
import { chunksOf, headOf, seal, sealTar, signFile, splitTar, tarOf, tinyFiles, type SealedFile, type SealedKit } from '../sealed-kit.ts';
import { testSigner } from '../tiny-kit.ts';
import { levels, regions, type Region } from './tamper-regions.ts';

/** Exactly one of the changes. */
export interface Tampering {
  readonly region: Region;
  readonly what: string;
  /** Of the compressed file. */
  readonly bytes?: (bytes: Buffer) => Buffer;
  /** Of the archive, under frames that are right. */
  readonly tar?: (tar: Buffer) => Buffer;
  /** Of the files; at the last level the manifest is of the changed ones. */
  readonly files?: (files: readonly SealedFile[]) => SealedFile[];
  /** Of what the manifest says. */
  readonly manifest?: (manifest: KitManifest) => unknown;
  /** Of the manifest as it is written. */
  readonly manifestText?: (text: string) => string | Uint8Array;
  readonly beside?: (signatures: SignatureFiles) => SignatureFiles;
  readonly options?: Partial<VerifyOptions>;
  /** Beyond a limit that is too high to be reached in a test: only where limits are lowered. */
  readonly lowered?: true;
}

export interface TamperCase {
  readonly name: string;
  readonly region: Region;
  readonly code: ErrorCode;
  readonly bytes: Buffer;
  readonly signatures: SignatureFiles;
  readonly options: Partial<VerifyOptions>;
  readonly lowered: boolean;
}

/** Of the kit that the matrix starts from: it has several frames. */
const frameBytes = 4096;

/** A kit that holds, and everything that may be done to it. */
export async function tamperCases(list: (kit: SealedKit, files: readonly SealedFile[]) => readonly Tampering[]): Promise<TamperCase[]> {
  const files = await tinyFiles();
  const kit = await soundKit(files);
  const cases: TamperCase[] = [];
  for (const tampering of list(kit, files)) {
    const { region, what, options = {}, lowered = false } = tampering;
    for (const [level, code] of regions[region].entries()) {
      if (code === null) continue;
      const { bytes, signatures } = await tampered(tampering, kit, files, level);
      cases.push({ name: `${region}: ${what} (${levels[level]})`, region, code, bytes, signatures, options, lowered });
    }
  }
  return cases;
}

export async function soundKit(files: readonly SealedFile[]): Promise<SealedKit> {
  return sealTar((await seal(files)).tar, undefined, frameBytes);
}

async function tampered(tampering: Tampering, kit: SealedKit, files: readonly SealedFile[], level: number): Promise<Pick<SealedKit, 'bytes' | 'signatures'>> {
  const bytes = await tamperedBytes(tampering, kit, files, level === 2);
  const signatures = level === 0 ? kit.signatures : signFile(bytes, await testSigner());
  return { bytes, signatures: tampering.beside?.(signatures) ?? signatures };
}

async function tamperedBytes(tampering: Tampering, kit: SealedKit, files: readonly SealedFile[], signed: boolean): Promise<Buffer> {
  if (tampering.bytes) return tampering.bytes(Buffer.from(kit.bytes));
  const tar = await tamperedTar(tampering, kit, files, signed);
  return tar === kit.tar ? kit.bytes : (await sealTar(tar, undefined, Math.max(frameBytes, Math.ceil(tar.length / 16)))).bytes;
}

async function tamperedTar(tampering: Tampering, kit: SealedKit, files: readonly SealedFile[], signed: boolean): Promise<Buffer> {
  if (tampering.tar) return tampering.tar(Buffer.from(kit.tar));
  const signer = await testSigner();
  const [manifest, jws] = splitTar(kit.tar);
  if (tampering.files) {
    const changed = tampering.files(files);
    if (!signed) return archiveOf(manifest!.bytes, jws!.bytes, changed);
    const records = changed.map(({ bytes, ...file }) => ({ ...file, size: bytes.length, sha256: sha256Hex(bytes) }));
    const { name, version, signedAt } = JSON.parse(manifest!.bytes.toString()) as KitManifest;
    const anew = renderManifest({ name, version, signedAt, signer, files: records });
    return archiveOf(anew, signManifest(anew, signer), changed);
  }
  if (!tampering.manifest && !tampering.manifestText) return kit.tar;
  const text = manifest!.bytes.toString();
  const changed = Buffer.from(tampering.manifestText?.(text) ?? canonicalJson(tampering.manifest?.(JSON.parse(text) as KitManifest)));
  return archiveOf(changed, signed ? signManifest(changed, signer) : jws!.bytes, files);
}

function archiveOf(manifest: Uint8Array, jws: Uint8Array, files: readonly { path: string; bytes: Uint8Array }[]): Buffer {
  return tarOf([...headOf(manifest, jws), ...files]);
}

export type Verify = typeof verifyKit;

/** The code that a case is refused with; `accepted`; or what else came of it. */
export async function outcomeOf({ bytes, signatures, options }: Pick<TamperCase, 'bytes' | 'signatures' | 'options'>, verify: Verify): Promise<string> {
  try {
    const report = await verify(chunksOf(bytes), { keyPem: (await testSigner()).publicKeyPem, signatures, ...options });
    return report.ok ? 'accepted' : (report.code ?? 'refused without a code');
  } catch (error) {
    // By name, since the verifier may be a copy with a class of its own.
    return error instanceof Error && error.name === ZastavaError.name ? (error as ZastavaError).code : `thrown: ${String(error)}`;
  }
}

export const isBlob = ({ path }: { readonly path: string }): boolean => path.startsWith(kitPaths.blobs);
