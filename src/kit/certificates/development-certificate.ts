/**
 * The certificate of a development key: an authority is made up, issues one certificate, and its key is thrown away.
 * It shows how certificates are checked, and vouches for nobody.
 */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ZastavaError } from '../../contract/errors.ts';
import type { Signer } from '../keys.ts';
import { encodePem, oids } from './certificate.ts';
import { issueCertificate } from './issue-certificate.ts';
import { parseSigningCertificate, type SigningCertificate } from './signing-certificate.ts';

/** By the identity one sees that it is no release. */
export const developmentIdentity = 'https://zastava.example/kit/development';

const authority = 'Zastava development authority';
/** Before any signing time that a trial may claim: cosign wants the time in the log's entry within the certificate's. */
const notBefore = new Date('2000-01-01T00:00:00Z');
const validityYears = 10;

/**
 * The certificate at `path` (PEM: the leaf, then its authority), for the key of `signer` and this identity (a URI). Made when there is none,
 * and made anew when that one is of another key or identity, or no longer valid at `now`.
 */
export async function provideDevelopmentCertificate(path: string, signer: Signer, options: { identity?: string; now?: Date } = {}): Promise<SigningCertificate> {
  const { identity = developmentIdentity, now = new Date() } = options;
  const there = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new ZastavaError('environment', `The development certificate ${path} cannot be read.`, { cause: error });
  });
  const kept = there === undefined ? undefined : await parseSigningCertificate(there, '', signer, now).catch(() => undefined);
  if (kept?.identity === identity) return kept;
  const pem = await makeCertificate(signer, identity, now);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, pem);
  return parseSigningCertificate(pem, '', signer, now);
}

async function makeCertificate(signer: Signer, identity: string, now: Date): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + validityYears);
  const issuer = { subject: authority, privateKey };
  const root = await issueCertificate({ subject: authority, publicKey, notBefore, notAfter, isCa: true }, issuer);
  const leaf = await issueCertificate({
    subject: 'Zastava development kit', publicKey: createPublicKey(signer.publicKeyPem), notBefore, notAfter,
    purposes: [oids.codeSigning], names: [{ type: 'uri', value: identity }],
  }, issuer);
  return encodePem(leaf) + encodePem(root);
}
