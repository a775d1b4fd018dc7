/**
 * What a site needs to check a kit. It travels apart from the kit: trust that comes along with what it vouches for
 * vouches for nothing.
 */
import { createPublicKey } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../bytes/canonical-json.ts';
import { kitMediaTypes } from '../contract/kit-format.ts';
import { encodePem } from './certificates/certificate.ts';
import type { SigningCertificate } from './certificates/signing-certificate.ts';
import type { ReleaseLog } from './log/release-log.ts';
import type { Notary } from './notary.ts';

export interface TrustFiles {
  readonly publicKey: string;
  readonly trustedRoot: string;
  readonly authority?: string;
}

/** Keys and authorities count from here on, in protobuf's JSON; a kit has its own time, which may be any. */
const always = { start: '1970-01-01T00:00:00Z' } as const;

/**
 * Writes `<name>.pub` (PEM), `trusted_root.json` and, with a certificate, `<name>.ca.pem` into `folder`. The trusted root
 * names the log, and the certificate's authorities: with it cosign checks a kit by key without leave to ignore anything.
 */
export async function writeTrust(folder: string, name: string, { signer, log }: Notary, certificate?: SigningCertificate): Promise<TrustFiles> {
  const paths = { publicKey: join(folder, `${name}.pub`), trustedRoot: join(folder, 'trusted_root.json') };
  const authority = join(folder, `${name}.ca.pem`);
  await mkdir(folder, { recursive: true });
  await writeFile(paths.publicKey, signer.publicKeyPem);
  await writeFile(paths.trustedRoot, `${renderTrustedRoot(log, certificate?.chain ?? [])}\n`);
  if (!certificate) {
    await rm(authority, { force: true });
    return paths;
  }
  await writeFile(authority, certificate.chain.map(encodePem).join(''));
  return { ...paths, authority };
}

/** `chain`: DER, the issuer first, the root last. */
function renderTrustedRoot({ host, logId, publicKeyPem }: ReleaseLog, chain: readonly Uint8Array[]): string {
  return canonicalJson({
    mediaType: kitMediaTypes.trustedRoot,
    tlogs: [{
      baseUrl: `https://${host}`,
      hashAlgorithm: 'SHA2_256',
      publicKey: { rawBytes: base64(createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' })), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: always },
      logId: { keyId: base64(Buffer.from(logId.slice('sha256:'.length), 'hex')) },
    }],
    ...(chain.length > 0 && { certificateAuthorities: [{ uri: `https://${host}/ca`, certChain: { certificates: chain.map((der) => ({ rawBytes: base64(der) })) }, validFor: always }] }),
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
