/**
 * The signatures beside a kit: `.sig`, the Sigstore bundles in key and in certificate mode, and any others that the
 * caller names. Every one that is there must hold; with none there is nothing to trust. What a bundle says of a log or
 * a time is not believed here: the release log is a check of its own. What @sigstore/verify leaves to its callers is
 * checked here: the message digest and the kind of content.
 */
import { X509Certificate } from 'node:crypto';
import { bundleFromJSON, isBundleWithCertificateChain, isBundleWithMessageSignature, isBundleWithPublicKey, type BundleWithMessageSignature } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { refusal } from '../../bytes/refusal.ts';
import { kitLimits } from '../../contract/kit-format.ts';
import type { PublicKey } from '../public-key.ts';
import type { Tally } from './report.ts';

/** Contents of the files beside the kit; null for one that is not there. */
export interface SignatureFiles {
  /** `.sigstore.json` */
  readonly bundle: string | null;
  /** `.sig`: base64 of ASN.1 DER. */
  readonly signature: string | null;
  /** `.cert.sigstore.json` */
  readonly certificateBundle?: string | null;
  /** `.consistency.json`: that the log extends what was released before. */
  readonly consistency?: string | null;
  /** Signatures and bundles of others, as the caller named them. */
  readonly others?: readonly { readonly name: string; readonly text: string }[];
}

export interface FileSignature {
  /** Of its file; for those of the kit itself the suffix. */
  readonly name: string;
  /** The parsed bundle; null for a detached signature. */
  readonly bundle: BundleWithMessageSignature | null;
  /** DER of the certificate that the bundle brings; null in key mode. */
  readonly certificate: Buffer | null;
  /** Gives the key that signed a file of this digest (32 bytes); throws `kit.signature-invalid` when it is none of `keys`. */
  verify(sha256: Buffer, keys: readonly PublicKey[]): PublicKey;
}

const sha2_256 = 1;
const ownBundleNames = ['.sigstore.json', '.cert.sigstore.json'] as const;

/** Throws `kit.signature-missing` when there is none and `kit.signature-invalid` for one that cannot be read. */
export function parseFileSignatures({ bundle, signature, certificateBundle = null, others = [] }: SignatureFiles, tally: Tally): FileSignature[] {
  const files = [{ name: '.sig', text: signature }, { name: ownBundleNames[0], text: bundle }, { name: ownBundleNames[1], text: certificateBundle }, ...others];
  const found = files.flatMap(({ name, text }) => (text === null ? [] : [parseSignature(name, withinLimit(text, name))]));
  if (found.length === 0) throw refusal('kit.signature-missing', { where: 'beside the kit', expected: '.sig or .sigstore.json', found: 'neither' });
  tally.count = found.length;
  return found;
}

/** Bundles that the kit's own signer made: those of others are in no log of ours. */
export function ownBundles(signatures: readonly FileSignature[]): (FileSignature & { readonly bundle: BundleWithMessageSignature })[] {
  return signatures.flatMap((signature) => (signature.bundle !== null && ownBundleNames.some((name) => name === signature.name) ? [{ ...signature, bundle: signature.bundle }] : []));
}

function withinLimit(text: string, where: string): string {
  if (text.length <= kitLimits.signatureBytesMax) return text;
  throw refusal('kit.limit-exceeded', { where, expected: `at most ${kitLimits.signatureBytesMax} bytes`, found: `${text.length}` });
}

/** A detached signature never begins with a brace, a bundle always does. */
function parseSignature(name: string, text: string): FileSignature {
  return name.endsWith('.json') || text.trimStart().startsWith('{') ? parseBundle(name, text) : parseDetached(name, text);
}

function parseDetached(name: string, text: string): FileSignature {
  const base64 = text.trimEnd();
  const der = Buffer.from(base64, 'base64');
  if (der.length === 0 || der.toString('base64') !== base64) throw invalid(name, 'base64', 'other text');
  return {
    name,
    bundle: null,
    certificate: null,
    verify(sha256, keys) {
      const signer = keys.find((key) => key.verifiesDigest(sha256, der));
      if (signer === undefined) throw invalid(name, `the signature of this file by ${namesOf(keys)}`, 'another');
      return signer;
    },
  };
}

function parseBundle(name: string, text: string): FileSignature {
  const bundle = readBundle(name, text);
  const { algorithm, digest } = bundle.content.messageSignature.messageDigest;
  if (Number(algorithm) !== sha2_256) throw invalid(name, 'a message digest of SHA2_256', `algorithm ${algorithm}`);
  const certificate = readCertificate(name, bundle);
  return {
    name,
    bundle,
    certificate: certificate?.raw ?? null,
    verify(sha256, keys) {
      if (!digest.equals(sha256)) throw invalid(name, `the message digest ${sha256.toString('hex')}`, digest.toString('hex'));
      if (certificate === null) return verifyBundle(name, bundle, sha256, keys);
      const signer = keys.find(({ key }) => key.equals(certificate.publicKey));
      if (signer === undefined) throw invalid(name, `a certificate of ${namesOf(keys)}`, 'one of another key');
      if (!signer.verifiesDigest(sha256, bundle.content.messageSignature.signature)) throw invalid(name, `the signature of this file by ${signer.keyId}`, 'another');
      return signer;
    },
  };
}

function readBundle(name: string, text: string): BundleWithMessageSignature {
  try {
    const bundle = bundleFromJSON(JSON.parse(text));
    if (isBundleWithMessageSignature(bundle)) return bundle;
  } catch (cause) {
    throw invalid(name, 'a Sigstore bundle', cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw invalid(name, 'a bundle of a message signature', 'one of another kind');
}

function readCertificate(name: string, bundle: BundleWithMessageSignature): X509Certificate | null {
  if (isBundleWithPublicKey(bundle)) return null;
  const { content } = bundle.verificationMaterial;
  const rawBytes = isBundleWithCertificateChain(bundle) ? bundle.verificationMaterial.content.x509CertificateChain.certificates[0]?.rawBytes : 'certificate' in content ? content.certificate.rawBytes : undefined;
  try {
    if (rawBytes) return new X509Certificate(rawBytes);
  } catch (cause) {
    throw invalid(name, 'an X.509 certificate', 'other bytes', cause);
  }
  throw invalid(name, 'a public key or a certificate', 'neither');
}

/** The entity's signature is replaced by one that knows the digest already, so that the file is not held or hashed again. */
function verifyBundle(name: string, bundle: BundleWithMessageSignature, sha256: Buffer, keys: readonly PublicKey[]): PublicKey {
  let signer: PublicKey | undefined;
  const trust = toTrustMaterial({ mediaType: '', tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] }, (hint) => {
    signer = keys.find((key) => key.hint === hint);
    if (signer) return { publicKey: signer.key, validFor: () => true };
    throw invalid(name, `the key hint ${keys.map((key) => key.hint).join(' or ')}`, JSON.stringify(hint));
  });
  const verifier = new Verifier(trust, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 });
  const { signature } = bundle.content.messageSignature;
  const entity = toSignedEntity(bundle, Buffer.alloc(0));
  const content = {
    signature,
    compareSignature: (other: Buffer) => signature.equals(other),
    compareDigest: (other: Buffer) => sha256.equals(other),
    compareSignedDigest: (other: Buffer) => sha256.equals(other),
    verifySignature: () => signer?.verifiesDigest(sha256, signature) === true,
  };
  try {
    verifier.verify({ ...entity, tlogEntries: [], timestamps: [], signature: content });
    if (signer) return signer;
  } catch (cause) {
    throw invalid(name, `the signature of this file by ${signer?.keyId ?? namesOf(keys)}`, cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw invalid(name, 'a signature that names its key', 'one that names none');
}

function namesOf(keys: readonly PublicKey[]): string {
  return keys.map(({ keyId }) => keyId).join(' or ');
}

function invalid(where: string, expected: string, found: string, cause?: unknown): Error {
  return refusal('kit.signature-invalid', { where, expected, found }, cause);
}
