/**
 * Whom a kit is checked against: the keys that the caller gave, or the key of a certificate that leads to the caller's
 * trusted root and is of the identity asked for; less those that a signed list revokes.
 */
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { decodePem, parseCertificate } from '../certificates/certificate.ts';
import { parseAuthorities } from '../certificates/trusted-root.ts';
import { verifyCertificate } from '../certificates/verify-certificate.ts';
import { parsePublicKey, type PublicKey } from '../public-key.ts';
import type { FileSignature } from './file-signature.ts';
import type { Tally } from './report.ts';

export interface CertificateTrust {
  /** The whole URI or e-mail address; `*` stands for any characters but "/" and "@". */
  readonly identity: string;
  /** Text of `trusted_root.json`, from the caller. */
  readonly trustedRootJson: string;
  /** The signer's certificate in PEM. Default: the one in the certificate bundle. */
  readonly certificatePem?: string | undefined;
  /**
   * When the site itself first saw the log head that has this kit; the certificate need only have been valid then.
   * Default: none, so it must be valid now, whatever time the kit or its log claims.
   */
  readonly witnessedTime?: Date | null;
  /** The clock. */
  readonly now?: Date;
}

/** The caller's keys; each counts once. Throws `kit.key-invalid`. */
export function parsePublicKeys(pems: readonly string[]): PublicKey[] {
  const keys = pems.map((pem) => parsePublicKey(pem, 'given to verify with'));
  return [...new Map(keys.map((key) => [key.keyId, key])).values()];
}

/** The certificate's key, when it holds; throws after it has noted all that is wrong. `keys`, if any, must have it too. */
export async function verifySigningCertificate(trust: CertificateTrust, signatures: readonly FileSignature[], keys: readonly PublicKey[], tally: Tally): Promise<PublicKey> {
  const der = trust.certificatePem === undefined ? signatures.find(({ certificate }) => certificate !== null)?.certificate : decodePem(trust.certificatePem, 'the certificate')[0];
  if (!der) throw refusal('kit.certificate-missing', { where: 'beside the kit', expected: 'a certificate bundle, .cert.sigstore.json', found: 'none' });
  const leaf = await parseCertificate(der, 'the certificate');
  const authorities = await parseAuthorities(trust.trustedRootJson);
  const findings = verifyCertificate({ leaf, authorities, identity: trust.identity, at: trust.witnessedTime ?? trust.now ?? new Date() });
  const [first] = findings;
  if (first) {
    const { code, ...problem } = first;
    for (const { code: other, ...rest } of findings.slice(1)) tally.report(other, rest);
    throw refusal(code, problem);
  }
  const key = keyOf(leaf.x509.publicKey.export({ type: 'spki', format: 'pem' }).toString());
  if (keys.length > 0 && !keys.some(({ keyId }) => keyId === key.keyId)) throw refusal('kit.certificate-invalid', { where: 'the certificate', expected: `the key ${keys.map(({ keyId }) => keyId).join(' or ')}`, found: key.keyId });
  tally.add(der.length);
  return key;
}

/** Which key the manifest says it was signed by; the first when it names none of them, so that the signature is refused by name. */
export function signerAmong(keys: readonly PublicKey[], jws: Uint8Array): PublicKey {
  const [header = ''] = Buffer.from(jws).toString('latin1').split('.', 1);
  const text = Buffer.from(header, 'base64url').toString();
  return keys.find(({ keyId }) => text.includes(`"kid":"${keyId}"`)) ?? keys[0]!;
}

function keyOf(pem: string): PublicKey {
  try {
    return parsePublicKey(pem, 'of the certificate');
  } catch (cause) {
    if (!(cause instanceof ZastavaError)) throw cause;
    throw refusal('kit.certificate-invalid', { where: 'the certificate', expected: 'an ECDSA P-256 key', found: 'another' }, cause);
  }
}
