/**
 * The fallback of the bootstrap (runbook 3 and 4.1): a token in a mounted file, for when Authority cannot be reached. It is
 * anybody's who reads it, so one older than a day is refused.
 */
import { readFile, stat } from 'node:fs/promises';
import { decodeJwt, type JWTPayload } from 'jose';
import { ZastavaError } from '../../contract/errors.ts';
import { bearerOpTok, type OpTok } from './op-tok.ts';
import { secondsOf } from './token-check.ts';

const staticTokenLimits = { ageMs: 24 * 3600 * 1000, bytesMax: 64 * 1024 } as const;

export interface StaticToken {
  readonly opTok: OpTok;
  readonly issuedAt: Date;
}

/** Its age is by its own `iat` and by the time of the file, whichever is earlier. @throws `authority.key-invalid`, with nothing of the token */
export async function readStaticToken(path: string, now: Date): Promise<StaticToken> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) throw refuse(path, 'a token, since allowStaticTokenFallback is true', 'no file');
  if (file.size > staticTokenLimits.bytesMax) throw refuse(path, `at most ${staticTokenLimits.bytesMax} bytes`, `${file.size}`);
  const token = (await readFile(path, 'utf8')).trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw refuse(path, 'one token', 'something else');
  const claims = claimsOf(token);
  const issuedAt = new Date(Math.min(file.mtimeMs, (secondsOf(claims?.iat) ?? Number.POSITIVE_INFINITY) * 1000));
  if (now.getTime() - issuedAt.getTime() > staticTokenLimits.ageMs) throw refuse(path, 'a token that is not older than 24 h', `one of ${issuedAt.toISOString()}; rotate the Secret zastava-authority-static`);
  const endMs = Math.min(issuedAt.getTime() + staticTokenLimits.ageMs, (secondsOf(claims?.exp) ?? Number.POSITIVE_INFINITY) * 1000);
  if (endMs <= now.getTime()) throw refuse(path, 'a token that is still good', `one that ended on ${new Date(endMs).toISOString()}`);
  return { opTok: bearerOpTok(token, new Date(endMs), 'static'), issuedAt };
}

function claimsOf(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

function refuse(path: string, expected: string, found: string): ZastavaError {
  return new ZastavaError('authority.key-invalid', `${path}: expected ${expected}, found ${found}`);
}
