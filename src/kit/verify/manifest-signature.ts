/**
 * The manifest's detached JWS (RFC 7515 appendix F), checked before anything that the manifest says is believed.
 * Only the one header that kits are signed with is accepted, so that algorithm and key are never the signer's choice.
 */
import * as base64url from 'jose/base64url';
import { JOSEError } from 'jose/errors';
import { flattenedVerify } from 'jose/jws/flattened/verify';
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { refusal } from '../../bytes/refusal.ts';
import { kitMediaTypes, kitPaths } from '../../contract/kit-format.ts';
import type { PublicKey } from '../public-key.ts';

/** Throws `kit.manifest-signature-invalid`. */
export async function verifyManifestSignature(manifest: Uint8Array, jws: Uint8Array, key: PublicKey): Promise<void> {
  const [header = '', payload, signature = '', ...rest] = Buffer.from(jws).toString('latin1').split('.');
  if (payload !== '' || rest.length > 0) throw invalid('<header>..<signature>', 'another form');
  if (header !== base64url.encode(canonicalJson({ alg: 'ES256', cty: kitMediaTypes.manifest, kid: key.keyId }))) {
    throw invalid(`a header of ES256 and key ${key.keyId}`, readKeyId(header));
  }
  if (!/^[A-Za-z0-9_-]{86}$/.test(signature) || Buffer.from(signature, 'base64url').toString('base64url') !== signature) {
    throw invalid('a signature of 64 bytes in base64url', 'another form');
  }
  try {
    await flattenedVerify({ protected: header, payload: base64url.encode(manifest), signature }, key.key, { algorithms: ['ES256'] });
  } catch (cause) {
    if (!(cause instanceof JOSEError)) throw cause;
    throw invalid(`the signature of ${kitPaths.manifest} by ${key.keyId}`, 'another', cause);
  }
}

/** For the message alone: whom the kit says that it was signed by. */
function readKeyId(header: string): string {
  try {
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid?: unknown };
    return typeof kid === 'string' && /^sha256:[0-9a-f]{64}$/.test(kid) ? `one that names key ${kid}` : 'another';
  } catch {
    return 'another';
  }
}

function invalid(expected: string, found: string, cause?: unknown): Error {
  return refusal('kit.manifest-signature-invalid', { where: kitPaths.manifestSignature, expected, found }, cause);
}
