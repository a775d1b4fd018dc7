/**
 * The public key that a kit is checked with: ECDSA P-256, PEM, given by the caller and never taken from the kit.
 * A signature over the file is checked against its SHA-256, which the one pass has made anyway; Node's own verify would
 * hash a second time, hence @noble/curves.
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { digestOf } from '../bytes/digest.ts';
import { ZastavaError } from '../contract/errors.ts';
import type { Digest } from '../contract/oci.ts';

export interface PublicKey {
  /** SHA-256 of the SubjectPublicKeyInfo, DER. */
  readonly keyId: Digest;
  /** The same in base64, as Sigstore bundles name a key. */
  readonly hint: string;
  readonly key: KeyObject;
  /** ECDSA over a SHA-256 digest of 32 bytes; the signature is ASN.1 DER. False also when it is not even that. */
  verifiesDigest(sha256: Uint8Array, signature: Uint8Array): boolean;
  /** The same over a message, hashed here: by OpenSSL, some 30 times as fast. */
  verifiesMessage(message: Uint8Array, signature: Uint8Array): boolean;
}

/** Throws `kit.key-invalid` for anything but the PEM of a P-256 public key; `source` names it in the message. */
export function parsePublicKey(pem: string, source: string): PublicKey {
  if (/PRIVATE KEY/.test(pem)) throw invalid(source, 'is a private key; give the public one, and keep this one secret');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw invalid(source, 'holds no public key in PEM that can be read', cause);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw invalid(source, `must be ECDSA P-256, found ${key.asymmetricKeyType}`);
  const { x, y } = key.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
  const keyId = digestOf(key.export({ type: 'spki', format: 'der' }));
  return {
    keyId,
    hint: Buffer.from(keyId.slice('sha256:'.length), 'hex').toString('base64'),
    key,
    verifiesDigest(sha256, signature) {
      try {
        return p256.verify(signature, sha256, point, { prehash: false, lowS: false, format: 'der' });
      } catch {
        return false;
      }
    },
    verifiesMessage: (message, signature) => verify('sha256', message, { key, dsaEncoding: 'der' }, signature),
  };
}

function invalid(source: string, problem: string, cause?: unknown): ZastavaError {
  return new ZastavaError('kit.key-invalid', `The public key ${source} ${problem}.`, { cause });
}
