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
  const stem = stemOf(kitPath, keyId);
  const bundle = toMessageSignatureBundle({ digest: Buffer.from(sha256, 'hex'), signature, keyHint: hint });
  await writeFile(`${stem}.sig`, `${signature.toString('base64')}\n`);
  await writeFile(`${stem}.sigstore.json`, `${JSON.stringify(bundleToJSON(bundle), null, 2)}\n`);
  return [`${stem}.sig`, `${stem}.sigstore.json`];
}

/** The bundles that lie beside a kit, of the keys given in PEM. */
export function findCoSignatures(kitPath: string, keyPems: readonly string[]): string[] {
  return keyPems.map((pem) => `${stemOf(kitPath, parsePublicKey(pem, 'of a further signer').keyId)}.sigstore.json`).filter((path) => existsSync(path));
}

function stemOf(kitPath: string, keyId: string): string {
  return `${kitPath}.${keyId.slice('sha256:'.length).slice(0, 12)}`;
}
