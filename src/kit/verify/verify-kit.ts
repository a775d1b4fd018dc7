/**
 * Verifies a kit in one pass over its bytes, without extracting and in constant memory:
 * signature → manifest → every byte → closure → report. It needs no network and no file system.
 */
import { createHash } from 'node:crypto';
import type { TarEntry } from '../../bytes/tar-entries.ts';
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { kitPaths, type KitManifest } from '../../contract/kit-format.ts';
import { readKitEntries, readKitHead } from '../kit-entries.ts';
import { parsePublicKey, type PublicKey } from '../public-key.ts';
import { verifyContents } from './contents.ts';
import { parseFileSignatures, type SignatureFiles } from './file-signature.ts';
import { verifyImageReferences } from './image-references.ts';
import { parseKitManifest } from './kit-manifest.ts';
import { verifyManifestSignature } from './manifest-signature.ts';
import { verifyOciLayout } from './oci-layout.ts';
import { isVerdict, VerifyLog, type VerifyReport } from './report.ts';
import { verifyRuleMetrics } from './rule-metrics.ts';

export interface VerifyOptions {
  /** Public key, PEM; from the caller, never from beside the kit. */
  readonly keyPem: string | null;
  readonly signatures: SignatureFiles;
  /** Accept a kit whose manifest says that its key is a development key. Default: refuse. */
  readonly allowDevelopment?: boolean;
  /** Without a key: check that the kit is whole, not who made it. Default: refuse. */
  readonly integrityOnly?: boolean;
  /** Called with the bytes of the file that were read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * A kit that does not hold gives a report that says so. Thrown are only mistakes of the caller (`kit.trust-missing`,
 * `kit.key-invalid`) and errors of the input.
 */
export async function verifyKit(input: AsyncIterable<Uint8Array>, options: VerifyOptions): Promise<VerifyReport> {
  const key = readTrust(options);
  const file = new FileDigest(options.onProgress);
  const entries = readKitEntries(input, (chunk) => file.add(chunk));
  const log = new VerifyLog(key ? 'key' : 'none');
  try {
    await verify(entries, file, key, options, log);
  } catch (error) {
    // Fail closed: a verdict that no check has noted must not end in a report without problems.
    if (!isVerdict(error) || log.ok) throw error;
  } finally {
    await entries.return();
  }
  return log.report(file.sha256, file.bytes);
}

function readTrust({ keyPem, integrityOnly }: VerifyOptions): PublicKey | null {
  if (keyPem !== null) return parsePublicKey(keyPem, 'given to verify with');
  if (integrityOnly === true) return null;
  throw new ZastavaError('kit.trust-missing', 'A kit is verified against a public key that came another way, and none was given. Give it (--key FILE), or ask for integrity only (--integrity-only).');
}

/** The ceremony. What is thrown ends it, because nothing after it can be trusted; what is gathered lets it go on. */
async function verify(entries: AsyncGenerator<TarEntry, void>, file: FileDigest, key: PublicKey | null, options: VerifyOptions, log: VerifyLog): Promise<void> {
  const signatures = key && (await log.check('signatures present', (tally) => parseFileSignatures(options.signatures, tally)));
  const head = await log.check('head', async (tally) => {
    const read = await readKitHead(entries);
    tally.add(read.manifest.length);
    tally.add(read.signature.length);
    return read;
  });
  if (key) await log.check('manifest signature', async (tally) => {
    await verifyManifestSignature(head.manifest, head.signature, key);
    tally.add();
  });
  const { files } = await log.check('manifest', (tally) => {
    const manifest = parseKitManifest(head.manifest);
    log.believe(manifest);
    if (key) checkSigner(manifest, key, options.allowDevelopment === true);
    tally.count = manifest.files.length;
    return manifest;
  });
  const documents = await log.check('files', (tally) => verifyContents(entries, files, tally));
  if (log.ok) {
    const images = await log.check('OCI layout', (tally) => verifyOciLayout(files, documents, tally));
    await log.check('images', (tally) => verifyImageReferences(documents, images, tally));
    await log.check('metrics', (tally) => verifyRuleMetrics(documents, tally));
  }
  const sha256 = file.finish();
  if (key && signatures) await log.check('kit signature', (tally) => signatures.forEach((signature) => tally.guard(() => signature.verify(sha256, key, tally))));
}

/** The manifest must name the key that it was signed by, and a development key is no one's to trust. */
function checkSigner({ signer }: KitManifest, key: PublicKey, allowDevelopment: boolean): void {
  const where = `${kitPaths.manifest}: signer`;
  if (signer.keyId !== key.keyId) throw refusal('kit.manifest-signature-invalid', { where, expected: key.keyId, found: signer.keyId });
  if (signer.kind === 'development' && !allowDevelopment) {
    throw refusal('kit.development-key', { where, expected: 'a release key, or leave to accept a development kit', found: 'a development key' });
  }
}

/** SHA-256 and length of the file, fed as it is read. */
class FileDigest {
  bytes = 0;
  /** Hex; null until the file was read to its end. */
  sha256: string | null = null;
  readonly #hash = createHash('sha256');
  readonly #onProgress: VerifyOptions['onProgress'];

  constructor(onProgress: VerifyOptions['onProgress']) {
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
}
