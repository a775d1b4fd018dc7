/**
 * What a site needs to check a kit. It travels apart from the kit: trust that comes along with what it vouches for
 * vouches for nothing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kitMediaTypes } from '../contract/kit-format.ts';
import type { Signer } from './keys.ts';

/**
 * Writes `<name>.pub` (PEM) and `trusted_root.json` into `folder`. The trusted root names no authority: cosign 2.5 to
 * 3.0 demand one before they check a bundle by key, and would otherwise ask the network.
 */
export async function writeTrust(folder: string, name: string, signer: Signer): Promise<{ publicKey: string; trustedRoot: string }> {
  const paths = { publicKey: join(folder, `${name}.pub`), trustedRoot: join(folder, 'trusted_root.json') };
  await mkdir(folder, { recursive: true });
  await writeFile(paths.publicKey, signer.publicKeyPem);
  await writeFile(paths.trustedRoot, `${JSON.stringify({ mediaType: kitMediaTypes.trustedRoot })}\n`);
  return paths;
}
