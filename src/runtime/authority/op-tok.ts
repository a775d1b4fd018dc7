/**
 * An OpTok as the programs hold it: in memory only, never printed, and used through `authorize`, which adds a fresh proof of
 * possession to each request (RFC 9449 section 7).
 */
import { createHash } from 'node:crypto';
import type { tokenSources } from '../../contract/label-values.ts';
import type { AuthorizedRequest, DpopKey } from './dpop-key.ts';

export interface OpTok {
  readonly source: (typeof tokenSources)[number];
  readonly expiresAt: Date;
  /** Headers for this one request: `authorization`, and `dpop` when the token is bound to a key. */
  authorize(request: AuthorizedRequest): Promise<Readonly<Record<string, string>>>;
}

/** A token that only who has the key can use. */
export function boundOpTok(token: string, expiresAt: Date, key: DpopKey): OpTok {
  const ath = createHash('sha256').update(token).digest('base64url');
  return {
    source: 'authority',
    expiresAt,
    authorize: async (request) => ({ authorization: `DPoP ${token}`, dpop: await key.prove({ ...request, ath }) }),
  };
}

/** A token that anybody can use who has it. */
export function bearerOpTok(token: string, expiresAt: Date, source: OpTok['source']): OpTok {
  return { source, expiresAt, authorize: async () => ({ authorization: `Bearer ${token}` }) };
}
