/**
 * A list of keys that are no longer to be trusted, carried to a site by hand: JSON, signed like a kit by a key that the
 * site trusts. Whoever holds a key may revoke it, so a list that names its own signer counts. `since` is for people: a
 * stolen key dates its kits as it likes, so no kit of a revoked key passes, whatever time it claims.
 */
import { sha256Bytes } from '../../bytes/digest.ts';
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import type { PublicKey } from '../public-key.ts';
import { parseFileSignatures, type SignatureFiles } from './file-signature.ts';
import { Tally } from './report.ts';

export interface SignedRevocations {
  /** `{"issuedAt": …, "revoked": [{"keyId": …, "reason": …, "since": …}]}` */
  readonly list: string;
  /** Over the list's exact bytes. */
  readonly signatures: SignatureFiles;
}

interface Revocation {
  readonly keyId: string;
  readonly reason: string;
  /** RFC 3339, seconds, UTC. */
  readonly since: string;
}

const source = 'the revocation list';
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Key id → revocation. Verified before anything in it is read; throws `kit.revocations-invalid`. */
export function verifyRevocations({ list, signatures }: SignedRevocations, keys: readonly PublicKey[]): ReadonlyMap<string, Revocation> {
  try {
    const sha256 = Buffer.from(sha256Bytes(Buffer.from(list)));
    for (const signature of parseFileSignatures(signatures, new Tally())) signature.verify(sha256, keys);
  } catch (cause) {
    if (!(cause instanceof ZastavaError)) throw cause;
    throw refusal('kit.revocations-invalid', { where: source, expected: `the signature of ${keys.map(({ keyId }) => keyId).join(' or ')} beside it`, found: cause.problems[0]?.found ?? cause.message }, cause);
  }
  return new Map(parseList(list).map((revocation) => [revocation.keyId, revocation]));
}

/** Throws `kit.key-revoked`. */
export function refuseRevoked({ keyId }: PublicKey, revoked: ReadonlyMap<string, Revocation>, where: string): void {
  const revocation = revoked.get(keyId);
  if (revocation) throw refusal('kit.key-revoked', { where, expected: 'a key that is still good', found: `${keyId}, revoked since ${revocation.since}: ${JSON.stringify(revocation.reason)}` });
}

function parseList(text: string): readonly Revocation[] {
  const problems: Problem[] = [];
  const check = (holds: boolean, where: string, expected: string, found: unknown): void => {
    if (!holds) problems.push({ where: `${source}: ${where}`, expected, found: (JSON.stringify(found) ?? 'nothing').slice(0, 100) });
  };
  const { issuedAt, revoked } = membersOf(parseJson(text), ['issuedAt', 'revoked'], '(root)', check);
  check(typeof issuedAt === 'string' && timePattern.test(issuedAt), 'issuedAt', 'a time such as 2026-01-02T03:04:05Z', issuedAt);
  check(Array.isArray(revoked), 'revoked', 'a list', revoked);
  const entries = (Array.isArray(revoked) ? revoked : []).map((value, index) => {
    const where = `revoked[${index}]`;
    const { keyId, reason, since } = membersOf(value, ['keyId', 'reason', 'since'], where, check);
    check(typeof keyId === 'string' && /^sha256:[0-9a-f]{64}$/.test(keyId), `${where}.keyId`, 'sha256: and 64 lowercase hex digits', keyId);
    check(typeof reason === 'string' && reason !== '', `${where}.reason`, 'text', reason);
    check(typeof since === 'string' && timePattern.test(since), `${where}.since`, 'a time such as 2026-01-02T03:04:05Z', since);
    return { keyId, reason, since } as Revocation;
  });
  if (problems.length > 0) throw new ZastavaError('kit.revocations-invalid', 'The revocation list does not have the shape it must have.', { problems });
  return entries;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refusal('kit.revocations-invalid', { where: source, expected: 'JSON', found: 'other text' }, cause);
  }
}

/** Exactly these members: one that is misspelt must not be one that is left out. */
function membersOf(value: unknown, keys: readonly string[], where: string, check: (holds: boolean, where: string, expected: string, found: unknown) => void): Record<string, unknown> {
  const members = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  check(Object.keys(members).sort().join() === [...keys].sort().join(), where, `an object of ${keys.join(', ')}`, value);
  return members;
}
