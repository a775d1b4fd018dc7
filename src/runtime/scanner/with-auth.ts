/**
 * Sends with an OpTok and a fresh proof. Scanner may ask for a nonce of its own (RFC 9449 section 9); a token that it refuses
 * is dropped, and another asked for once.
 */
import type { OpTok } from '../authority/op-tok.ts';
import type { TokenSource } from '../authority/token-source.ts';
import type { ScannerResponse, Send } from './send.ts';

/** A Scanner that refuses every token must not become a storm of token requests at Authority, whatever many calls say at once. */
const dropEveryMs = 10_000;

export function withAuth(send: Send, tokens: TokenSource): Send {
  const nonces = new Map<string, string>();
  let droppedAt = Number.NEGATIVE_INFINITY;

  function drop(): void {
    if (performance.now() - droppedAt < dropEveryMs) return;
    droppedAt = performance.now();
    tokens.drop();
  }

  return async (request) => {
    const { url, deadlineAt } = request;
    const attempt = async (token: OpTok): Promise<ScannerResponse> => {
      const authorization = await token.authorize({ method: 'POST', url, nonce: nonces.get(url.origin) });
      const response = await send({ ...request, headers: { ...request.headers, ...authorization } });
      const nonce = response.headers['dpop-nonce'];
      if (nonce !== undefined) nonces.set(url.origin, nonce);
      return response;
    };
    const ask = async (token: OpTok): Promise<ScannerResponse> => {
      const response = await attempt(token);
      return asksForNonce(response) ? attempt(token) : response;
    };
    const token = await tokens.get(deadlineAt);
    const response = await ask(token);
    if (response.status !== 401) return response;
    drop();
    const other = await tokens.get(deadlineAt);
    return other === token ? response : ask(other);
  };
}

function asksForNonce({ status, headers }: ScannerResponse): boolean {
  return status === 401 && headers['dpop-nonce'] !== undefined && /\buse_dpop_nonce\b/.test(headers['www-authenticate'] ?? '');
}
