/**
 * An X.509 certificate as verify needs it (RFC 5280). OpenSSL, through node:crypto, reads keys, times and signatures;
 * the extensions that node:crypto does not show, or shows as text that cannot be taken apart safely, are read by pkijs.
 */
import { X509Certificate } from 'node:crypto';
import type { Certificate as Asn1Certificate, Extension } from 'pkijs';
import { refusal } from '../../bytes/refusal.ts';

export const oids = {
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAlternativeName: '2.5.29.17',
  nameConstraints: '2.5.29.30',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  codeSigning: '1.3.6.1.5.5.7.3.3',
} as const;

/** Bits of KeyUsage, counted from the most significant one of the first byte. */
export const keyUsages = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const;

/** Types of GeneralName by which somebody who signs is named. */
export const nameTypes = { email: 1, dns: 2, uri: 6 } as const;

export interface Certificate {
  readonly x509: X509Certificate;
  readonly isCa: boolean;
  /** How many authorities may stand between this one and the leaf; null for any number. */
  readonly pathLength: number | null;
  readonly mayUse: (usage: keyof typeof keyUsages) => boolean;
  /** OIDs; null when there is no such extension. */
  readonly extendedKeyUsage: readonly string[] | null;
  /** URIs and e-mail addresses of the subject alternative name. */
  readonly names: readonly string[];
  /** OID of the algorithm that it was signed with. */
  readonly signatureAlgorithm: string;
  /** OIDs of extensions that limit it in ways which verify does not check. */
  readonly unknownLimits: readonly string[];
}

const known: readonly string[] = [oids.basicConstraints, oids.keyUsage, oids.extendedKeyUsage, oids.subjectAlternativeName];

/** `der` is one certificate; `source` names it. Throws `kit.certificate-invalid`. */
export async function parseCertificate(der: Uint8Array, source: string): Promise<Certificate> {
  const { Certificate } = await import('pkijs');
  let x509: X509Certificate;
  let parsed: Asn1Certificate;
  try {
    x509 = new X509Certificate(der);
    parsed = Certificate.fromBER(Uint8Array.from(der));
  } catch (cause) {
    throw refusal('kit.certificate-invalid', { where: source, expected: 'an X.509 certificate', found: 'other bytes' }, cause);
  }
  if (!x509.raw.equals(der)) throw refusal('kit.certificate-invalid', { where: source, expected: 'one certificate', found: 'bytes after it' });
  try {
    return { x509, signatureAlgorithm: parsed.signatureAlgorithm.algorithmId, ...readExtensions(parsed.extensions ?? []) };
  } catch (cause) {
    throw refusal('kit.certificate-invalid', { where: source, expected: 'extensions as RFC 5280 has them', found: 'others' }, cause);
  }
}

/** Every certificate of a PEM text, in its order; at least one. Throws `kit.certificate-invalid`. */
export function decodePem(text: string, source: string): Buffer[] {
  const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (blocks.length === 0) throw refusal('kit.certificate-invalid', { where: source, expected: 'certificates in PEM', found: 'none' });
  return blocks.map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}

export function encodePem(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function readExtensions(extensions: readonly Extension[]): Omit<Certificate, 'x509' | 'signatureAlgorithm'> {
  const ids = extensions.map(({ extnID }) => extnID);
  if (new Set(ids).size < ids.length) throw new Error('an extension stands there twice');
  const find = <T>(id: string): T | undefined => {
    const extension = extensions.find(({ extnID }) => extnID === id);
    if (extension === undefined) return undefined;
    const value: unknown = extension.parsedValue;
    if (typeof value !== 'object' || value === null || 'parsingError' in value) throw new Error(`extension ${id} cannot be read`);
    return value as T;
  };
  const constraints = find<{ cA?: boolean; pathLenConstraint?: number | object }>(oids.basicConstraints);
  const usageBits = find<{ valueBlock: { valueHexView: Uint8Array } }>(oids.keyUsage)?.valueBlock.valueHexView;
  const usages = find<{ keyPurposes: string[] }>(oids.extendedKeyUsage);
  const names = find<{ altNames: { type: number; value: unknown }[] }>(oids.subjectAlternativeName)?.altNames ?? [];
  const { pathLenConstraint } = constraints ?? {};
  if (pathLenConstraint !== undefined && typeof pathLenConstraint !== 'number') throw new Error('the path length is beyond measure');
  return {
    isCa: constraints?.cA === true,
    pathLength: pathLenConstraint ?? null,
    mayUse: (usage) => usageBits !== undefined && ((usageBits[0] ?? 0) & (0x80 >> keyUsages[usage])) !== 0,
    extendedKeyUsage: usages?.keyPurposes ?? null,
    names: names.filter(({ type }) => type === nameTypes.uri || type === nameTypes.email).map(({ value }) => String(value)),
    unknownLimits: extensions.filter(({ extnID, critical }) => extnID === oids.nameConstraints || (critical && !known.includes(extnID))).map(({ extnID }) => extnID),
  };
}
