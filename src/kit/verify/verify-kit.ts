/**
 * Verifies a kit in one pass over its bytes, without extracting and in constant memory:
 * signature → manifest → every byte → closure → report. It needs no network and no file system.
 */
import type { TarEntry } from '../../bytes/tar-entries.ts';
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { kitPaths, type KitManifest } from '../../contract/kit-format.ts';
import { FileDigest } from '../file-digest.ts';
import { readKitEntries, readKitHead } from '../kit-entries.ts';
import { advanceLogState, witnessedTime, type LogStateOptions } from '../log-state.ts';
import { logHosts } from '../log/release-log.ts';
import { parseTrustedLogs, type TrustedLog } from '../log/trusted-log.ts';
import type { PublicKey } from '../public-key.ts';
import { verifyArtifacts } from './artifacts.ts';
import { verifyAttestations } from './attestations.ts';
import { verifyContents, type KitDocument } from './contents.ts';
import { parseFileSignatures, type FileSignature, type SignatureFiles } from './file-signature.ts';
import { verifyImageReferences } from './image-references.ts';
import { parseKitManifest } from './kit-manifest.ts';
import { verifyManifestSignature } from './manifest-signature.ts';
import { verifyOciLayout } from './oci-layout.ts';
import { checkpointsOf, verifyReleaseLog, type LoggedHead } from './release-log.ts';
import { isVerdict, VerifyLog, type Tally, type VerifyReport } from './report.ts';
import { refuseRevoked, verifyRevocations, type SignedRevocations } from './revocations.ts';
import { verifyRuleMetrics } from './rule-metrics.ts';
import { parsePublicKeys, signerAmong, verifySigningCertificate, type CertificateTrust } from './signing-keys.ts';

export interface VerifyOptions {
  /** Public key, PEM; from the caller, never from beside the kit. */
  readonly keyPem: string | null;
  /** More public keys that are trusted as much: a second signer's, or the old one while keys change. */
  readonly otherKeyPems?: readonly string[];
  readonly signatures: SignatureFiles;
  /** Ask for a certificate of this identity; without keys, its key is the one that is trusted. */
  readonly certificate?: CertificateTrust | undefined;
  /** How many different keys must have signed the kit's file. Default 1. */
  readonly require?: number | undefined;
  /** Keys of this list are trusted no more. */
  readonly revocations?: SignedRevocations | undefined;
  /** Text of `trusted_root.json`, from the caller; it names the release log. Default: the certificate's. Without a log in it the log is not checked, and the report says so. */
  readonly trustedRoot?: string | undefined;
  /** Ask for a log that extends the one seen before. Throws `kit.trust-missing` without a log that is trusted. */
  readonly logState?: LogStateOptions | undefined;
  /** Accept a kit whose manifest says that its key is a development key. Default: refuse. */
  readonly allowDevelopment?: boolean;
  /** Without a key: check that the kit is whole, not who made it. Default: refuse. */
  readonly integrityOnly?: boolean;
  /** How large the file is, if that is known; it decides on nothing but speed. */
  readonly fileBytes?: number | null;
  /** Called with the bytes of the file that were read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Called with what verify looks into, once every file is as the manifest says; whether the kit holds is known only from the report. */
  readonly onContents?: ((manifest: KitManifest, documents: readonly KitDocument[]) => void) | undefined;
}

/**
 * A kit that does not hold gives a report that says so. Thrown are only mistakes of the caller (`kit.trust-missing`,
 * `kit.key-invalid`) and errors of the input.
 */
export async function verifyKit(input: AsyncIterable<Uint8Array>, options: VerifyOptions): Promise<VerifyReport> {
  const keys = readKeys(options);
  const logs = readLogs(options);
  const file = new FileDigest(options.fileBytes ?? null, options.onProgress);
  const entries = readKitEntries(input, (chunk) => file.add(chunk));
  const log = new VerifyLog(options.certificate ? 'certificate' : keys ? 'key' : 'none', [
    ...(options.certificate ? [] : ['certificate'] as const),
    ...(options.revocations ? [] : ['revocations'] as const),
    ...(options.logState ? [] : ['log state'] as const),
  ]);
  if (logs.length === 0) log.leaveOut('release log', 'no trusted root was given that names a log');
  try {
    await verify(entries, file, keys, logs, options, log);
  } catch (error) {
    // Fail closed: a verdict that no check has noted must not end in a report without problems.
    if (!isVerdict(error) || log.ok) throw error;
  } finally {
    await entries.return();
    file.close();
  }
  return log.report(file.sha256, file.bytes);
}

/** The keys given, none yet when a certificate will bring it; null when only integrity is asked for. */
function readKeys({ keyPem, otherKeyPems = [], certificate, integrityOnly }: VerifyOptions): PublicKey[] | null {
  if (keyPem !== null) return parsePublicKeys([keyPem, ...otherKeyPems]);
  if (certificate) return [];
  if (integrityOnly === true) return null;
  throw new ZastavaError('kit.trust-missing', 'A kit is verified against a public key that came another way, and none was given. Give it (--key FILE), or a trusted root and an identity (--trusted-root FILE --certificate-identity URI), or ask for integrity only (--integrity-only).');
}

function readLogs({ trustedRoot, certificate, logState }: VerifyOptions): TrustedLog[] {
  const json = trustedRoot ?? certificate?.trustedRootJson;
  const logs = json === undefined ? [] : parseTrustedLogs(json);
  if (logState && logs.length === 0) throw new ZastavaError('kit.trust-missing', 'What was seen of the release log before says nothing without a trusted root that names the log. Give it (--trusted-root FILE).');
  return logs;
}

/** The ceremony. What is thrown ends it, because nothing after it can be trusted; what is gathered lets it go on. */
async function verify(entries: AsyncGenerator<TarEntry, void>, file: FileDigest, given: readonly PublicKey[] | null, logs: readonly TrustedLog[], options: VerifyOptions, log: VerifyLog): Promise<void> {
  const { certificate, revocations, logState } = options;
  const signatures = given && (await log.check('signatures present', (tally) => parseFileSignatures(options.signatures, tally)));
  const certified = given && signatures && certificate && (await log.check('certificate', (tally) => verifySigningCertificate({ witnessedTime: witnessedTimeOf(signatures, logState), ...certificate }, signatures, given, tally)));
  const keys = given?.length === 0 && certified ? [certified] : given;
  const revoked = (keys && revocations && (await log.check('revocations', (tally) => {
    const list = verifyRevocations(revocations, keys);
    tally.count = list.size;
    return list;
  }))) ?? new Map<string, never>();
  const head = await log.check('head', async (tally) => {
    const read = await readKitHead(entries);
    tally.add(read.manifest.length);
    tally.add(read.signature.length);
    return read;
  });
  const key = keys && signerAmong(keys, head.signature);
  if (key) await log.check('manifest signature', async (tally) => {
    await verifyManifestSignature(head.manifest, head.signature, key);
    refuseRevoked(key, revoked, kitPaths.manifestSignature);
    tally.add();
  });
  const manifest = await log.check('manifest', (tally) => {
    const manifest = parseKitManifest(head.manifest);
    log.believe(manifest);
    if (key) checkSigner(manifest, key, options.allowDevelopment === true);
    tally.count = manifest.files.length;
    return manifest;
  });
  const { files } = manifest;
  const documents = await log.check('files', (tally) => verifyContents(entries, files, tally));
  if (log.ok) {
    options.onContents?.(manifest, documents);
    const images = await log.check('OCI layout', (tally) => verifyOciLayout(files, documents, tally));
    const layoutHolds = log.ok;
    await log.check('images', (tally) => verifyImageReferences(documents, images, tally));
    if (layoutHolds) await log.check('artifacts', (tally) => verifyArtifacts(documents, images, tally));
    if (key && layoutHolds) await log.check('attestations', (tally) => verifyAttestations(documents, key, tally));
    await log.check('metrics', (tally) => verifyRuleMetrics(documents, tally));
  }
  const sha256 = file.finish();
  if (keys && signatures) await log.check('kit signature', (tally) => {
    const signers = verifySignatures(signatures, sha256, keys, revoked, tally);
    const { require = 1 } = options;
    if (tally.problems.length === 0 && signers.size < require) throw refusal('kit.signatures-too-few', { where: 'beside the kit', expected: `signatures by ${require} different keys`, found: `${signers.size}` });
  });
  const logged = keys && signatures && logs.length > 0 && (await log.check('release log', (tally) => verifyReleaseLog(signatures, documents, keys, logs, tally)));
  if (logged && logState && log.ok) await verifyLogState(logged, manifest, options, log);
}

/** When the site has accepted this kit before. It counts only because the kit must then be in the log under that very head. */
function witnessedTimeOf(signatures: readonly FileSignature[], logState: LogStateOptions | undefined): Date | null {
  return logState?.state ? witnessedTime(logState.state, checkpointsOf(signatures)) : null;
}

/** A development log is a fresh one for each kit: it is never a site's history. */
async function verifyLogState({ log: { host, key }, checkpoint, ...head }: LoggedHead, kit: KitManifest, { logState, signatures, allowDevelopment }: VerifyOptions, log: VerifyLog): Promise<void> {
  if (host === logHosts.development && allowDevelopment === true) return log.leaveOut('log state', 'a development kit is in a log of its own');
  await log.check('log state', (tally) => {
    if (host === logHosts.development) throw refusal('kit.development-key', { where: 'the log of this kit', expected: 'the release log', found: 'a development log' });
    const { name, version, signedAt } = kit;
    const next = advanceLogState({ head, checkpoint, logKey: key, kit: { name, version, signedAt }, consistency: signatures.consistency ?? null }, logState!);
    tally.count = next.heads.length;
    logState!.onAccepted?.(next);
  });
}

/** Ids of the keys whose signatures hold. */
function verifySignatures(signatures: readonly FileSignature[], sha256: Buffer, keys: readonly PublicKey[], revoked: ReturnType<typeof verifyRevocations>, tally: Tally): Set<string> {
  const signers = new Set<string>();
  for (const signature of signatures) tally.guard(() => {
    const signer = signature.verify(sha256, keys);
    refuseRevoked(signer, revoked, 'beside the kit');
    signers.add(signer.keyId);
    tally.add();
  });
  return signers;
}

/** The manifest must name the key that it was signed by, and a development key is no one's to trust. */
function checkSigner({ signer }: KitManifest, key: PublicKey, allowDevelopment: boolean): void {
  const where = `${kitPaths.manifest}: signer`;
  if (signer.keyId !== key.keyId) throw refusal('kit.manifest-signature-invalid', { where, expected: key.keyId, found: signer.keyId });
  if (signer.kind === 'development' && !allowDevelopment) {
    throw refusal('kit.development-key', { where, expected: 'a release key, or leave to accept a development kit', found: 'a development key' });
  }
}
