/**
 * The signatures beside a kit: `.sig` and the Sigstore bundle, in key mode. Every one that is there must hold; with none
 * there is nothing to trust. The bundle's policy (no log, no timestamp demanded; those that are there must be trusted)
 * is @sigstore/verify's; what it leaves to its callers is checked here: the message digest and the kind of content.
 */
import { bundleFromJSON, isBundleWithMessageSignature, isBundleWithPublicKey, type BundleWithMessageSignature } from '@sigstore/bundle';
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
}

/** Checks one file's digest (32 bytes); throws `kit.signature-invalid`. */
export interface FileSignature {
  verify(sha256: Buffer, key: PublicKey, tally: Tally): void;
}

const sha2_256 = 1;

/** Throws `kit.signature-missing` when there is none and `kit.signature-invalid` for one that cannot be read. */
export function parseFileSignatures({ bundle, signature }: SignatureFiles, tally: Tally): FileSignature[] {
  const found: FileSignature[] = [];
  if (signature !== null) found.push(parseDetached(withinLimit(signature, '.sig')));
  if (bundle !== null) found.push(parseBundle(withinLimit(bundle, '.sigstore.json')));
  if (found.length === 0) throw refusal('kit.signature-missing', { where: 'beside the kit', expected: '.sig or .sigstore.json', found: 'neither' });
  tally.count = found.length;
  return found;
}

function withinLimit(text: string, where: string): string {
  if (text.length <= kitLimits.signatureBytesMax) return text;
  throw refusal('kit.limit-exceeded', { where, expected: `at most ${kitLimits.signatureBytesMax} bytes`, found: `${text.length}` });
}

function parseDetached(text: string): FileSignature {
  const base64 = text.trimEnd();
  const der = Buffer.from(base64, 'base64');
  if (der.length === 0 || der.toString('base64') !== base64) throw invalid('.sig', 'base64', 'other text');
  return {
    verify(sha256, key, tally) {
      if (!key.verifiesDigest(sha256, der)) throw invalid('.sig', `the signature of this file by ${key.keyId}`, 'another');
      tally.add();
    },
  };
}

function parseBundle(text: string): FileSignature {
  const bundle = readBundle(text);
  const { algorithm, digest } = bundle.content.messageSignature.messageDigest;
  if (Number(algorithm) !== sha2_256) throw invalid('.sigstore.json', 'a message digest of SHA2_256', `algorithm ${algorithm}`);
  return {
    verify(sha256, key, tally) {
      if (!digest.equals(sha256)) throw invalid('.sigstore.json', `the message digest ${sha256.toString('hex')}`, digest.toString('hex'));
      verifyBundle(bundle, sha256, key);
      tally.add();
    },
  };
}

function readBundle(text: string): BundleWithMessageSignature {
  try {
    const bundle = bundleFromJSON(JSON.parse(text));
    if (isBundleWithMessageSignature(bundle) && isBundleWithPublicKey(bundle)) return bundle;
  } catch (cause) {
    throw invalid('.sigstore.json', 'a Sigstore bundle', cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw invalid('.sigstore.json', 'a bundle of a message signature and a public key', 'one of another kind');
}

/** The entity's signature is replaced by one that knows the digest already, so that the file is not held or hashed again. */
function verifyBundle(bundle: BundleWithMessageSignature, sha256: Buffer, key: PublicKey): void {
  const trust = toTrustMaterial({ mediaType: '', tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] }, (hint) => {
    if (hint === key.hint) return { publicKey: key.key, validFor: () => true };
    throw invalid('.sigstore.json', `the key hint ${key.hint}`, JSON.stringify(hint));
  });
  const verifier = new Verifier(trust, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 });
  const { signature } = bundle.content.messageSignature;
  const entity = toSignedEntity(bundle, Buffer.alloc(0));
  const content = {
    signature,
    compareSignature: (other: Buffer) => signature.equals(other),
    compareDigest: (other: Buffer) => sha256.equals(other),
    compareSignedDigest: (other: Buffer) => sha256.equals(other),
    verifySignature: () => key.verifiesDigest(sha256, signature),
  };
  try {
    verifier.verify({ ...entity, signature: content });
  } catch (cause) {
    throw invalid('.sigstore.json', `the signature of this file by ${key.keyId}`, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function invalid(where: string, expected: string, found: string, cause?: unknown): Error {
  return refusal('kit.signature-invalid', { where, expected, found }, cause);
}
