/**
 * Decides whether a certificate may vouch for a kit: its whole chain up to a trusted root, every certificate valid at one
 * time, made for code signing, and of exactly the identity that the site names (RFC 5280 section 6, less what kits do not use).
 * The time is the caller's: a time that only the signer's own log vouches for must not be given here.
 */
import type { Finding } from '../verify/report.ts';
import { oids, type Certificate } from './certificate.ts';
import type { CertificateAuthority } from './trusted-root.ts';

interface CertificateQuestion {
  readonly leaf: Certificate;
  readonly authorities: readonly CertificateAuthority[];
  /** The whole URI or e-mail address; `*` stands for any characters but "/" and "@". */
  readonly identity: string;
  readonly at: Date;
}

/** ECDSA and RSA (PKCS#1 and PSS) with SHA-2, Ed25519. */
const signatureAlgorithms = [
  '1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.10', '1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13',
  '1.3.101.112',
];
const rsaBitsMin = 2048;

/** What is wrong; nothing when the certificate holds. */
export function verifyCertificate({ leaf, authorities, identity, at }: CertificateQuestion): Finding[] {
  const candidates = authorities.filter(({ certificates: [issuer] }) => issuer !== undefined && isIssuedBy(leaf, issuer));
  const trials = candidates.map((authority) => [...authorityFindings(authority, at), ...chainFindings(leaf, authority.certificates, at)]);
  const chain = trials.find((findings) => findings.length === 0) ?? trials[0] ?? [invalid('the certificate', 'an issuer in the trusted root', inline(leaf.x509.issuer))];
  return [...chain, ...leafFindings(leaf), ...identityFindings(leaf, identity)];
}

/** By name and signature; what the issuer may do is asked apart, so that a refusal says what is wrong. */
function isIssuedBy({ x509 }: Certificate, issuer: Certificate): boolean {
  return x509.issuer === issuer.x509.subject && x509.verify(issuer.x509.publicKey);
}

function* authorityFindings({ validFrom, validTo }: CertificateAuthority, at: Date): Generator<Finding> {
  if ((validFrom && at < validFrom) || (validTo && at > validTo)) yield expired('the authority in the trusted root', validFrom, validTo, at);
}

function* chainFindings(leaf: Certificate, issuers: readonly Certificate[], at: Date): Generator<Finding> {
  const path = [leaf, ...issuers];
  for (const [index, certificate] of path.entries()) {
    const where = index === 0 ? 'the certificate' : `its authority ${inline(certificate.x509.subject)}`;
    const { x509, signatureAlgorithm, unknownLimits } = certificate;
    const issuer = path[index + 1] ?? certificate;
    if (!isIssuedBy(certificate, issuer)) yield invalid(where, index === path.length - 1 ? 'a root that signed itself' : 'one that the next one signed', 'another');
    if (at < x509.validFromDate || at > x509.validToDate) yield expired(where, x509.validFromDate, x509.validToDate, at);
    if (!signatureAlgorithms.includes(signatureAlgorithm)) yield invalid(where, 'a signature with SHA-2', `algorithm ${signatureAlgorithm}`);
    if (unknownLimits.length > 0) yield invalid(where, 'no limits that are not checked here', `extension ${unknownLimits.join(', ')}`);
    if (index > 0) yield* issuerFindings(certificate, where, index - 1);
  }
}

/** `below` is the number of authorities between it and the leaf. */
function* issuerFindings({ x509, isCa, mayUse, pathLength, extendedKeyUsage }: Certificate, where: string, below: number): Generator<Finding> {
  if (!isCa) yield invalid(where, 'a certificate authority (basicConstraints)', 'none');
  if (!mayUse('keyCertSign')) yield invalid(where, 'the key usage keyCertSign', 'another');
  if (pathLength !== null && below > pathLength) yield invalid(where, `at most ${pathLength} authorities below it`, `${below}`);
  if (extendedKeyUsage !== null && !extendedKeyUsage.includes(oids.codeSigning)) yield invalid(where, 'no extended key usage, or codeSigning among it', extendedKeyUsage.join(', '));
  const bits = x509.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < rsaBitsMin) yield invalid(where, `an RSA key of at least ${rsaBitsMin} bits`, `${bits}`);
}

function* leafFindings({ isCa, mayUse, extendedKeyUsage }: Certificate): Generator<Finding> {
  const where = 'the certificate';
  if (isCa) yield invalid(where, 'a leaf', 'a certificate authority');
  if (!mayUse('digitalSignature')) yield invalid(where, 'the key usage digitalSignature', 'another');
  if (!extendedKeyUsage?.includes(oids.codeSigning)) yield invalid(where, 'the extended key usage codeSigning', extendedKeyUsage?.join(', ') ?? 'none');
}

function* identityFindings({ names }: Certificate, identity: string): Generator<Finding> {
  const pattern = new RegExp(`^${identity.replace(/[\\^$.*+?()[\]{}|]/g, (sign) => (sign === '*' ? '[^/@]*' : `\\${sign}`))}$`);
  if (identity !== '' && names.some((name) => pattern.test(name))) return;
  yield { code: 'kit.identity-differs', where: 'the certificate', expected: `the identity ${JSON.stringify(identity)}`, found: names.map((name) => JSON.stringify(name)).join(', ') || 'neither URI nor e-mail address' };
}

function expired(where: string, from: Date | null, to: Date | null, at: Date): Finding {
  const [start, end] = [from, to].map((time) => time?.toISOString() ?? 'ever');
  return { code: 'kit.certificate-expired', where, expected: `valid at ${at.toISOString()}`, found: `valid from ${start} to ${end}` };
}

function invalid(where: string, expected: string, found: string): Finding {
  return { code: 'kit.certificate-invalid', where, expected, found };
}

/** A distinguished name on one line. */
function inline(name: string): string {
  return JSON.stringify(name.replaceAll('\n', ', '));
}
