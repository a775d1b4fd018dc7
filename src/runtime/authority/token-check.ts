/**
 * What Authority gave against what was asked for: a token of the wrong kind, for somebody else or with fewer rights is refused
 * here and not by Scanner, where the reason would be lost. Claims are read without the signature: they came from Authority
 * itself, over TLS.
 */
import { decodeJwt, type JWTPayload } from 'jose';
import { ZastavaError, type Problem } from '../../contract/errors.ts';

export interface ExpectedToken {
  readonly audience: readonly string[];
  readonly scopes: readonly string[];
  /** `cnf.jkt`; absent when no binding to a key is asked for. */
  readonly thumbprint?: string | undefined;
  /** `cnf["x5t#S256"]`. */
  readonly fingerprint?: string | undefined;
}

export interface ReceivedToken {
  readonly accessToken: string;
  readonly tokenType: string;
  /** Seconds, as the answer says. */
  readonly expiresIn: number | undefined;
  /** As the answer says, when it does. */
  readonly scope: string | undefined;
}

/** Never more than this ahead of us is the clock of a machine that is in order, in seconds. */
const clockToleranceSeconds = 60;

/** @returns when the token ends. @throws `authority.token-invalid` with every reason; nothing of the token is in it */
export function checkToken(received: ReceivedToken, expected: ExpectedToken, now: Date): Date {
  const problems: Problem[] = [];
  const demand = (where: string, holds: boolean, wanted: string, found: unknown): void => {
    if (!holds) problems.push({ where, expected: wanted, found: JSON.stringify(found ?? null).slice(0, 300) });
  };
  const [type, why] = expected.thumbprint === undefined ? ['Bearer', 'false'] : ['DPoP', 'true'];
  demand('token_type', received.tokenType.toLowerCase() === type.toLowerCase(), `${type}, since requireDpop is ${why}`, received.tokenType);
  const claims = readClaims(received.accessToken);
  if (claims === undefined) throw refuse([...problems, { where: 'access_token', expected: 'a JWT (RFC 9068), so that its binding and audience can be checked', found: 'an opaque token' }]);

  const bindings = (claims['cnf'] ?? {}) as Record<string, unknown>;
  if (expected.thumbprint !== undefined) demand('cnf.jkt', bindings['jkt'] === expected.thumbprint, `the thumbprint of our key, ${expected.thumbprint}`, bindings['jkt']);
  if (expected.fingerprint !== undefined) demand('cnf["x5t#S256"]', bindings['x5t#S256'] === expected.fingerprint, `the fingerprint of our certificate, ${expected.fingerprint}`, bindings['x5t#S256']);
  const audience = [claims.aud ?? []].flat();
  const lacking = expected.audience.filter((name) => !audience.includes(name));
  demand('aud', lacking.length === 0, lacking.join(', '), audience);
  const granted = [claims['scope'] ?? received.scope ?? ''].flat().join(' ').split(' ');
  const refused = expected.scopes.filter((scope) => !granted.includes(scope));
  demand('scope', refused.length === 0, refused.join(' '), granted.join(' '));

  const seconds = now.getTime() / 1000;
  const issuedAt = secondsOf(claims.iat);
  const expiry = secondsOf(claims.exp ?? (received.expiresIn ?? Number.NaN) + seconds) ?? Number.NaN;
  if (issuedAt !== undefined && issuedAt > seconds + clockToleranceSeconds) {
    problems.push({ where: 'iat', expected: `a time near ${now.toISOString()}, which the clock here shows`, found: timeOf(issuedAt), todo: 'set the clock of this node: it is behind that of Authority' });
  }
  if (!(expiry > seconds)) problems.push({ where: 'exp', expected: `a time after ${now.toISOString()}`, found: Number.isNaN(expiry) ? 'none' : timeOf(expiry), todo: 'if the token is fresh, set the clock of this node: it is ahead of that of Authority' });
  if (problems.length > 0) throw refuse(problems);
  return new Date(expiry * 1000);
}

/** Undefined for what is no time. */
export function secondsOf(claim: unknown): number | undefined {
  return typeof claim === 'number' && Math.abs(claim) < 8.64e12 ? claim : undefined;
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function readClaims(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

function refuse(problems: readonly Problem[]): ZastavaError {
  const reasons = problems.map(({ where, expected, found, todo }) => `${where}: expected ${expected}, found ${found}${todo === undefined ? '' : ` (${todo})`}`);
  return new ZastavaError('authority.token-invalid', `Authority gave a token that is not what was asked for: ${reasons.join('; ')}`, { problems });
}
