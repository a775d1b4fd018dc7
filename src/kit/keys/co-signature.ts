/** One more signature of a finished kit, by another key than the one that it was built with: `verify --require` counts them. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { bundleToJSON, toMessageSignatureBundle } from '@sigstore/bundle';
import { parsePublicKey, type PublicKey } from '../public-key.ts';

/**
 * Writes `<kit>.<first 12 digits of the key id>.sig` and `.sigstore.json`; gives their paths. `sha256` is of the kit, in
 * hex, and `signature` ASN.1 DER. The release log does not have it: it is of the kits, not of who else looked at them.
 */
export async function writeCoSignature(kitPath: string, sha256: string, signature: Buffer, { keyId, hint }: PublicKey): Promise<string[]> {
  const [signaturePath, bundlePath] = pathsOf(kitPath, keyId);
  const bundle = toMessageSignatureBundle({ digest: Buffer.from(sha256, 'hex'), signature, keyHint: hint });
  await writeFile(signaturePath, `${signature.toString('base64')}\n`);
  await writeFile(bundlePath, `${JSON.stringify(bundleToJSON(bundle), null, 2)}\n`);
  return [signaturePath, bundlePath];
}

/** Those that lie beside a kit, by the keys given in PEM. */
export function findCoSignatures(kitPath: string, keyPems: readonly string[]): string[] {
  return keyPems.flatMap((pem) => pathsOf(kitPath, parsePublicKey(pem, 'given to verify with').keyId)).filter((path) => existsSync(path));
}

function pathsOf(kitPath: string, keyId: string): [signature: string, bundle: string] {
  const stem = `${kitPath}.${keyId.slice('sha256:'.length).slice(0, 12)}`;
  return [`${stem}.sig`, `${stem}.sigstore.json`];
}
