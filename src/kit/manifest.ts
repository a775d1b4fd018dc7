/**
 * offline-manifest.json and its signature: a detached JWS in compact form (RFC 7515 appendix F) over the file's exact
 * bytes, ES256, deterministic. The header names the key by its id and the manifest's media type.
 */
import * as base64url from 'jose/base64url';
import { canonicalJson } from '../bytes/canonical-json.ts';
import { kitMediaTypes, type KitFileRecord, type KitManifest } from '../contract/kit-format.ts';
import { compression } from './archive.ts';
import type { Signer } from './keys.ts';

export interface ManifestFacts {
  readonly name: string;
  readonly version: string;
  /** RFC 3339, seconds, UTC. */
  readonly signedAt: string;
  readonly signer: Pick<Signer, 'kind' | 'keyId'>;
  /** In archive order. */
  readonly files: readonly KitFileRecord[];
}

export function renderManifest({ name, version, signedAt, signer, files }: ManifestFacts): Uint8Array {
  const { kind, keyId } = signer;
  const manifest: KitManifest = { mediaType: kitMediaTypes.manifest, name, version, signedAt, signer: { kind, keyId }, compression, files };
  return Buffer.from(canonicalJson(manifest));
}

/** `<header>..<signature>`, without a line end. */
export function signManifest(manifest: Uint8Array, signer: Signer): Uint8Array {
  const header = base64url.encode(canonicalJson({ alg: 'ES256', cty: kitMediaTypes.manifest, kid: signer.keyId }));
  const signature = signer.signMessage(Buffer.from(`${header}.${base64url.encode(manifest)}`));
  return Buffer.from(`${header}..${base64url.encode(signature)}`);
}
