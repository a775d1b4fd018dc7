/** Certificate chains for tests, made by the real issuer and bent where a test likes. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { oids } from '../../../src/kit/certificates/certificate.ts';
import { issueCertificate, type CertificateRequest } from '../../../src/kit/certificates/issue-certificate.ts';

export const identity = 'https://kit.example/release';
export const notBefore = new Date('2026-01-01T00:00:00Z');
export const notAfter = new Date('2027-01-01T00:00:00Z');
export const during = new Date('2026-06-01T00:00:00Z');

interface ChainOptions {
  readonly leaf?: Partial<CertificateRequest>;
  readonly root?: Partial<CertificateRequest>;
  /** Of the leaf. */
  readonly publicKey?: KeyObject;
}

export interface Chain {
  readonly leaf: Buffer;
  readonly root: Buffer;
}

export async function makeChain({ leaf, root, publicKey = newKey().publicKey }: ChainOptions = {}): Promise<Chain> {
  const authority = newKey();
  const issuer = { subject: 'Test root', privateKey: authority.privateKey };
  const validity = { notBefore, notAfter };
  return {
    leaf: await issueCertificate({ subject: 'Test kit', publicKey, ...validity, purposes: [oids.codeSigning], names: [{ type: 'uri', value: identity }], ...leaf }, issuer),
    root: await issueCertificate({ subject: 'Test root', publicKey: authority.publicKey, ...validity, isCa: true, ...root }, issuer),
  };
}

export function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function trustedRootOf(certificates: readonly Uint8Array[], validFor: object = { start: notBefore.toISOString() }): string {
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    certificateAuthorities: [{ uri: 'https://kit.example/ca', certChain: { certificates: certificates.map((der) => ({ rawBytes: Buffer.from(der).toString('base64') })) }, validFor }],
  });
}
