/** The certificate authorities that a site trusts, from its `trusted_root.json` (Sigstore's protobuf as JSON). */
import { refusal } from '../../bytes/refusal.ts';
import { parseCertificate, type Certificate } from './certificate.ts';

export interface CertificateAuthority {
  /** What issues leaves first, the root last. */
  readonly certificates: readonly Certificate[];
  /** When it may be trusted; null for no limit. */
  readonly validFrom: Date | null;
  readonly validTo: Date | null;
}

const source = 'trusted_root.json';

/** Throws `kit.certificate-invalid` for what cannot be read; a file that names no authority gives none. */
export async function parseAuthorities(json: string): Promise<CertificateAuthority[]> {
  const { certificateAuthorities = [] } = asObject(parseJson(json), source);
  return Promise.all(asList(certificateAuthorities, 'certificateAuthorities').map((value, index) => parseAuthority(value, `${source}: certificateAuthorities[${index}]`)));
}

async function parseAuthority(value: unknown, where: string): Promise<CertificateAuthority> {
  const { certChain, validFor = {} } = asObject(value, where);
  const certificates = asList(asObject(certChain, `${where}.certChain`)['certificates'], `${where}.certChain.certificates`);
  if (certificates.length === 0) throw invalid(where, 'certificates', 'none');
  const { start, end } = asObject(validFor, `${where}.validFor`);
  return {
    certificates: await Promise.all(certificates.map((item, index) => {
      const path = `${where}.certChain.certificates[${index}]`;
      return parseCertificate(readBase64(asObject(item, path)['rawBytes'], path), path);
    })),
    validFrom: readTime(start, `${where}.validFor.start`),
    validTo: readTime(end, `${where}.validFor.end`),
  };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw refusal('kit.certificate-invalid', { where: source, expected: 'JSON', found: 'other text' }, cause);
  }
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(where, 'an object', typeof value);
}

function asList(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(where, 'a list', typeof value);
}

function readBase64(value: unknown, where: string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.length > 0 && bytes.toString('base64') === value) return bytes;
  throw invalid(where, 'rawBytes in base64', 'another form');
}

function readTime(value: unknown, where: string): Date | null {
  if (value === undefined) return null;
  const time = new Date(typeof value === 'string' ? value : Number.NaN);
  if (Number.isNaN(time.getTime())) throw invalid(where, 'a time in RFC 3339', JSON.stringify(value));
  return time;
}

function invalid(where: string, expected: string, found: string): Error {
  return refusal('kit.certificate-invalid', { where, expected, found });
}
