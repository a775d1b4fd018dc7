/** The logs that a site trusts, from its `trusted_root.json` (Sigstore's protobuf as JSON): those with a key that kits use. */
import { createPublicKey } from 'node:crypto';
import { ZastavaError } from '../../contract/errors.ts';
import { parsePublicKey, type PublicKey } from '../public-key.ts';

export interface TrustedLog {
  readonly key: PublicKey;
  readonly host: string;
  /** Seconds since 1970 between which the log's key counts. */
  readonly validFrom: number;
  readonly validTo: number;
}

interface TransparencyLog {
  readonly baseUrl?: unknown;
  readonly publicKey?: { readonly rawBytes?: unknown; readonly keyDetails?: unknown; readonly validFor?: { readonly start?: unknown; readonly end?: unknown } };
  readonly logId?: { readonly keyId?: unknown };
}

/** Logs with other kinds of keys are passed over: no kit has an entry of theirs. Throws `kit.trusted-root-invalid`. */
export function parseTrustedLogs(json: string): TrustedLog[] {
  try {
    const { tlogs = [] } = JSON.parse(json) as { tlogs?: readonly TransparencyLog[] };
    return tlogs.filter(({ publicKey }) => publicKey?.keyDetails === 'PKIX_ECDSA_P256_SHA_256').map(parseLog);
  } catch (cause) {
    throw new ZastavaError('kit.trusted-root-invalid', `The trusted root cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function parseLog({ baseUrl, publicKey, logId }: TransparencyLog): TrustedLog {
  const spki = createPublicKey({ key: Buffer.from(String(publicKey?.rawBytes), 'base64'), format: 'der', type: 'spki' });
  const key = parsePublicKey(spki.export({ type: 'spki', format: 'pem' }).toString(), 'of the log');
  if (logId?.keyId !== key.hint) throw new Error(`the log ${String(baseUrl)} has another id than its key`);
  const { start, end } = publicKey?.validFor ?? {};
  return { key, host: new URL(String(baseUrl)).host, validFrom: parseTime(start, -Infinity), validTo: parseTime(end, Infinity) };
}

function parseTime(value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise;
  const seconds = Date.parse(String(value)) / 1000;
  if (Number.isNaN(seconds)) throw new Error(`${String(value)} is no time`);
  return seconds;
}
