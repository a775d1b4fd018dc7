/**
 * A signer whose key is elsewhere: it answers with signatures that were made there, and notes what it was asked for and
 * does not have. Signatures nest (the archive's is over the manifest's, that over the images'), so a kit is built again
 * after each round; with the same signing time every digest that was signed stays the same (adr/0010).
 */
import { p256 } from '@noble/curves/nist.js';
import { sha256Bytes } from '../../bytes/digest.ts';
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { Signer } from '../keys.ts';
import { parsePublicKey } from '../public-key.ts';

export interface DeferredSigner extends Signer {
  /** Digests in hex that were asked for and have no signature yet, with the message where it is known. */
  readonly missing: ReadonlyMap<string, Uint8Array | null>;
  /** Throws `kit.signatures-pending` unless this digest, and everything before it, is signed. */
  demand(sha256: Uint8Array): void;
}

/** Well-formed, and the signature of nothing: it never leaves a build, which stops before the manifest is signed. */
const placeholder = new p256.Signature(1n, 1n).toBytes('der');

/**
 * `signatures`: digest in hex → ASN.1 DER. Throws `kit.key-invalid` for another key than P-256; signing throws
 * `kit.signature-invalid` for a signature that is not by this key, and `kit.signatures-pending` for a manifest that is not signed yet.
 */
export function deferSigner(publicKeyPem: string, source: string, signatures: ReadonlyMap<string, Uint8Array>): DeferredSigner {
  const key = parsePublicKey(publicKeyPem, source);
  const missing = new Map<string, Uint8Array | null>();
  const find = (sha256: Uint8Array, message?: Uint8Array): Uint8Array | undefined => {
    const hex = Buffer.from(sha256).toString('hex');
    const signature = signatures.get(hex);
    if (signature === undefined) missing.set(hex, message ?? null);
    else if (!key.verifiesDigest(sha256, signature)) throw refusal('kit.signature-invalid', { where: `the signature of ${hex}`, expected: `one by ${key.keyId}`, found: 'another' });
    return signature;
  };
  const settle = (): void => {
    if (missing.size > 0) throw new ZastavaError('kit.signatures-pending', `${missing.size} signatures by ${key.keyId} are still to be made.`);
  };
  return {
    kind: 'release',
    keyId: key.keyId,
    publicKeyPem: key.key.export({ type: 'spki', format: 'pem' }).toString(),
    missing,
    signDigest: (sha256, message) => find(sha256, message) ?? placeholder,
    signMessage(message) {
      settle();
      const signature = find(sha256Bytes(message), message);
      settle();
      return p256.Signature.fromBytes(signature!, 'der').toBytes('compact');
    },
    deriveSigner() {
      throw new ZastavaError('usage', 'No other key can be made of a key that is elsewhere; name the key of the release log.');
    },
    demand(sha256) {
      find(sha256);
      settle();
    },
  };
}
