/**
 * The files beside a kit that vouch for it: `.sig` (base64 of a DER signature, for `cosign --signature` and OpenSSL)
 * and `.sigstore.json` (Sigstore bundle v0.3, key mode). Both hold the one signature over the archive's SHA-256.
 */
import { writeFile } from 'node:fs/promises';
import { bundleToJSON, toMessageSignatureBundle } from '@sigstore/bundle';
import { kitSuffixes } from '../contract/kit-format.ts';
import type { Signer } from './keys.ts';

/** Writes both beside `kitPath`; `sha256` is of the archive, 64 hex digits. */
export async function signKit(kitPath: string, sha256: string, signer: Signer): Promise<{ signature: string; bundle: string }> {
  const digest = Buffer.from(sha256, 'hex');
  const signature = Buffer.from(signer.signDigest(digest));
  const bundle = toMessageSignatureBundle({ digest, signature, keyHint: keyHintOf(signer) });
  const stem = kitPath.slice(0, -kitSuffixes.archive.length);
  const paths = { signature: stem + kitSuffixes.signature, bundle: stem + kitSuffixes.bundle };
  await writeFile(paths.signature, `${signature.toString('base64')}\n`);
  await writeFile(paths.bundle, `${JSON.stringify(bundleToJSON(bundle), null, 2)}\n`);
  return paths;
}

/** cosign and sigstore find the key by base64 of the SHA-256 of its SubjectPublicKeyInfo. */
function keyHintOf({ keyId }: Signer): string {
  return Buffer.from(keyId.slice('sha256:'.length), 'hex').toString('base64');
}
