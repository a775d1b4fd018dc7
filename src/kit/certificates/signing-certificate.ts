/** The certificate that a kit is signed under, as the builder gives it (`--cert`, `--chain`): checked before anything is signed. */
import { createPublicKey } from 'node:crypto';
import { ZastavaError } from '../../contract/errors.ts';
import type { Signer } from '../keys.ts';
import { decodePem, parseCertificate } from './certificate.ts';
import { verifyCertificate } from './verify-certificate.ts';

export interface SigningCertificate {
  /** DER. */
  readonly leaf: Uint8Array;
  /** DER: its issuer first, the root last. */
  readonly chain: readonly Uint8Array[];
  /** The URI or e-mail address that a site names to check it. */
  readonly identity: string;
}

/**
 * `certificatePem` may have the chain behind the leaf; `chainPem` has it otherwise, or is empty.
 * Throws `kit.certificate-invalid` for a chain that verify would refuse at the kit's signing time, or for another key than the signer's.
 */
export async function parseSigningCertificate(certificatePem: string, chainPem: string, signer: Signer, signingTime: Date): Promise<SigningCertificate> {
  const [leafDer, ...issuers] = [...decodePem(certificatePem, 'the certificate'), ...(chainPem === '' ? [] : decodePem(chainPem, 'its chain'))];
  const leaf = await parseCertificate(leafDer!, 'the certificate');
  const certificates = await Promise.all(issuers.map((der, index) => parseCertificate(der, `certificate ${index + 1} of its chain`)));
  const [identity = ''] = leaf.names;
  const problems = verifyCertificate({ leaf, authorities: [{ certificates, validFrom: null, validTo: null }], identity, at: signingTime }).map(({ where, expected, found }) => ({ where, expected, found }));
  if (!leaf.x509.publicKey.equals(createPublicKey(signer.publicKeyPem))) problems.push({ where: 'the certificate', expected: `the key ${signer.keyId}`, found: 'another key' });
  if (problems.length > 0) throw new ZastavaError('kit.certificate-invalid', 'The kit cannot be signed under this certificate.', { problems });
  return { leaf: leafDer!, chain: issuers, identity };
}
