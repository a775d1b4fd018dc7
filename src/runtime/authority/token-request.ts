/**
 * One request for a token (RFC 6749 section 4.4): discovery, client authentication by certificate (RFC 8705) or by a signed
 * assertion (RFC 7523), DPoP with the server's nonces (RFC 9449), and the check of what came. Everything is bounded in time
 * and bytes, and no redirect is followed.
 */
import * as oauth from 'oauth4webapi';
import { getCACertificates } from 'node:tls';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Values } from '../../config/schema.ts';
import { ZastavaError, type ErrorCode } from '../../contract/errors.ts';
import { boundOpTok, bearerOpTok, type OpTok } from './op-tok.ts';
import type { DpopKey } from './dpop-key.ts';
import type { ClientTls, Identity } from './mounted-identity.ts';
import { parseRetryAfter } from './retry-after.ts';
import { checkToken } from './token-check.ts';

type AuthoritySettings = Values['zastava']['runtime']['authority'];

/** Milliseconds of a whole token request, and bytes of each answer. */
const requestLimits = { timeoutMs: 10_000, answerBytesMax: 256 * 1024 } as const;

/** The clocks differ by so many seconds and more: then it is said. */
const clockOffSeconds = 30;

/** A request that failed, and how long Authority asks to wait. */
export class TokenRequestError extends ZastavaError {
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface IssuedToken {
  readonly opTok: OpTok;
  /** How far the clock here is ahead of Authority's (negative: behind); undefined while it is not worth a word. */
  readonly clockAheadSeconds: number | undefined;
}

export class TokenRequester {
  readonly #settings: AuthoritySettings;
  #server: oauth.AuthorizationServer | undefined;
  #connections: { readonly tls: ClientTls; readonly agent: Agent } | undefined;
  /** Keeps the server's last nonce. */
  #proofs: { readonly key: DpopKey; readonly handle: oauth.DPoPHandle } | undefined;
  /** How Authority last knew this client. */
  #method = 0;

  constructor(settings: AuthoritySettings) {
    this.#settings = settings;
  }

  /** @throws `authority.*`; nothing of a key or token is in it */
  async request(identity: Identity): Promise<IssuedToken> {
    const { dpop, tls } = identity;
    const { issuer, clientId, audience, scopes } = this.#settings;
    requireValid(tls);
    const exchange = new Exchange(this.#agentFor(tls), AbortSignal.timeout(requestLimits.timeoutMs), issuer);
    try {
      const server = (this.#server ??= await exchange.discover());
      const client: oauth.Client = { client_id: clientId, use_mtls_endpoint_aliases: tls.cert !== undefined };
      const parameters = new URLSearchParams({ scope: scopes.join(' ') });
      for (const name of audience) parameters.append('audience', name);
      const answer = await this.#authenticated(authenticationsOf(server, identity), (by) => exchange.grant(server, client, by, parameters, this.#proofsBy(dpop)));
      const received = { accessToken: answer.access_token, tokenType: answer.token_type, expiresIn: answer.expires_in, scope: answer.scope };
      const expiresAt = checkToken(received, { audience, scopes, thumbprint: dpop?.thumbprint, fingerprint: tls.fingerprint }, new Date());
      return { opTok: dpop ? boundOpTok(answer.access_token, expiresAt, dpop) : bearerOpTok(answer.access_token, expiresAt, 'authority'), clockAheadSeconds: exchange.clockAheadSeconds() };
    } catch (error) {
      // Its endpoints may have moved.
      this.#server = undefined;
      throw exchange.describe(error);
    }
  }

  async close(): Promise<void> {
    await this.#connections?.agent.destroy();
  }

  /** Which of its ways Authority has registered for this client, only its answer tells: the last good one goes first. */
  async #authenticated<Answer>(ways: readonly oauth.ClientAuth[], grant: (by: oauth.ClientAuth) => Promise<Answer>): Promise<Answer> {
    const first = this.#method % ways.length;
    try {
      return await grant(ways[first]!);
    } catch (error) {
      if (ways.length === 1 || !isClientUnknown(error)) throw error;
      const other = (first + 1) % ways.length;
      const answer = await grant(ways[other]!);
      this.#method = other;
      return answer;
    }
  }

  #proofsBy(key: DpopKey | undefined): oauth.DPoPHandle | undefined {
    if (key === undefined) return undefined;
    if (this.#proofs?.key !== key) this.#proofs = { key, handle: oauth.DPoP({}, key.pair) };
    return this.#proofs.handle;
  }

  #agentFor(tls: ClientTls): Agent {
    if (this.#connections?.tls !== tls) {
      // What is under way ends in peace.
      void this.#connections?.agent.close();
      const { timeoutMs } = requestLimits;
      this.#connections = { tls, agent: new Agent({ allowH2: false, connect: { timeout: timeoutMs, ...tlsOptions(tls) }, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }) };
    }
    return this.#connections.agent;
  }
}

/** For connections to Authority and to Scanner: what they show, and whom they trust. */
export function tlsOptions({ cert, key, ca }: ClientTls): { cert?: string; key?: string; ca?: string[] } {
  return { ...(cert !== undefined && key !== undefined && { cert, key }), ...(ca !== undefined && { ca: [ca, ...getCACertificates('default')] }) };
}

function requireValid({ notAfter }: ClientTls): void {
  if (notAfter === undefined || notAfter > new Date()) return;
  throw new TokenRequestError('authority.key-invalid', `the client certificate ended on ${notAfter.toISOString()}; replace the Secret zastava-authority-mtls, or set the clock of this node if it is ahead`);
}

/** By certificate, and by an assertion that the DPoP key signs, as far as Authority takes them and we have them. */
function authenticationsOf(server: oauth.AuthorizationServer, { dpop, tls }: Identity): oauth.ClientAuth[] {
  const methods = server.token_endpoint_auth_methods_supported ?? ['tls_client_auth', 'private_key_jwt'];
  const ways = [
    ...(tls.cert !== undefined && (methods.includes('tls_client_auth') || methods.includes('self_signed_tls_client_auth')) ? [oauth.TlsClientAuth()] : []),
    ...(dpop !== undefined && methods.includes('private_key_jwt') ? [oauth.PrivateKeyJwt({ key: dpop.pair.privateKey, ...(dpop.kid !== undefined && { kid: dpop.kid }) })] : []),
  ];
  if (ways.length > 0) return ways;
  const has = [...(tls.cert === undefined ? [] : ['a certificate']), ...(dpop === undefined ? [] : ['a key'])].join(' and ') || 'neither certificate nor key';
  throw new TokenRequestError('authority.rejected', `Authority takes clients by ${shown(methods.join(', '))}, and this one has ${has}`);
}

function isClientUnknown(error: unknown): boolean {
  if (error instanceof oauth.WWWAuthenticateChallengeError) return error.status === 401;
  return error instanceof oauth.ResponseBodyError && error.error === 'invalid_client';
}

/** The calls of one token request. */
class Exchange {
  readonly #issuer: URL;
  readonly #signal: AbortSignal;
  readonly #options: { readonly signal: AbortSignal; [oauth.customFetch]: (url: string, init: object) => Promise<Response> };
  #answer: { readonly status: number; readonly headers: Headers } | undefined;

  constructor(agent: Agent, signal: AbortSignal, issuer: string) {
    this.#issuer = new URL(issuer);
    this.#signal = signal;
    this.#options = { signal, [oauth.customFetch]: (url, init) => this.#fetch(agent, url, init) };
  }

  async discover(): Promise<oauth.AuthorizationServer> {
    return oauth.processDiscoveryResponse(this.#issuer, await oauth.discoveryRequest(this.#issuer, this.#options));
  }

  /** Twice when Authority asks for another nonce of its own. */
  async grant(server: oauth.AuthorizationServer, client: oauth.Client, by: oauth.ClientAuth, parameters: URLSearchParams, proofs: oauth.DPoPHandle | undefined): Promise<oauth.TokenEndpointResponse> {
    const ask = async (): Promise<oauth.TokenEndpointResponse> => {
      const response = await oauth.clientCredentialsGrantRequest(server, client, by, parameters, { ...this.#options, ...(proofs && { DPoP: proofs }) });
      return oauth.processClientCredentialsResponse(server, client, response);
    };
    try {
      return await ask();
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error;
      return ask();
    }
  }

  async #fetch(agent: Agent, url: string, init: object): Promise<Response> {
    this.#answer = undefined;
    const response = await undiciFetch(url, { ...init, dispatcher: agent, redirect: 'manual' });
    this.#answer = { status: response.status, headers: response.headers as unknown as Headers };
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > requestLimits.answerBytesMax) throw new TokenRequestError('authority.unavailable', `Authority's answer is larger than ${requestLimits.answerBytesMax} bytes`);
      chunks.push(chunk as Uint8Array);
    }
    const body = response.status === 204 || response.status === 304 ? null : Buffer.concat(chunks);
    const copy = new Response(body, { status: response.status, headers: response.headers as unknown as Headers });
    Object.defineProperty(copy, 'url', { value: response.url });
    return copy;
  }

  /** The error as people read it: who, what, and what to do. Library errors may hold the answer, so only known parts are used. */
  describe(error: unknown): ZastavaError {
    if (error instanceof ZastavaError) return error;
    const who = `Authority (${this.#issuer.origin})`;
    if (this.#signal.aborted) return new TokenRequestError('authority.unavailable', `${who} did not answer within ${requestLimits.timeoutMs} ms`);
    const { status = 0, headers } = this.#answer ?? {};
    const retryAfterMs = parseRetryAfter(headers?.get('retry-after') ?? null);
    if (status === 429) return new TokenRequestError('authority.throttled', `${who} asks for fewer requests (429)`, { retryAfterMs });
    if (status >= 500) return new TokenRequestError('authority.unavailable', `${who} fails: ${status}`, { retryAfterMs });
    if (error instanceof oauth.ResponseBodyError) {
      const { error: code, error_description: description } = error;
      return new TokenRequestError('authority.rejected', `${who} refuses: ${shown(code)}${description === undefined ? '' : `, ${shown(description).replace(encoded, '…')}`} (${status})${this.#clockHint()}`);
    }
    if (error instanceof oauth.WWWAuthenticateChallengeError) return new TokenRequestError('authority.rejected', `${who} refuses this client (${status})${this.#clockHint()}`);
    if (this.#answer === undefined) return new TokenRequestError('authority.unavailable', `${who} cannot be reached: ${connectionFailure(error)}`);
    return new TokenRequestError('authority.unavailable', `${who} answered something that is not OAuth (${status}): ${error instanceof Error ? shown(error.message) : ''}`);
  }

  /** By the `date` of the last answer; undefined when it is near, or not there. */
  clockAheadSeconds(): number | undefined {
    const seconds = Math.round((Date.now() - Date.parse(this.#answer?.headers.get('date') ?? '')) / 1000);
    return Math.abs(seconds) >= clockOffSeconds ? seconds : undefined;
  }

  /** Proofs and assertions have a time, so a clock that is off gets them refused. */
  #clockHint(): string {
    const seconds = this.clockAheadSeconds();
    return seconds === undefined ? '' : `; the clock here is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} Authority's: set it`;
  }
}

/** Of a certificate that is good, only when the clock here is off. */
const outOfTime = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'];

function connectionFailure(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if ('code' in cause && typeof cause.code === 'string' && !cause.code.startsWith('OAUTH')) return `${cause.code}: ${shown(cause.message)}${outOfTime.includes(cause.code) ? `; it is now ${new Date().toISOString()} by the clock here: is that right?` : ''}`;
  return error instanceof Error ? shown(error.message) : 'no reason given';
}

/** What may be a part of a token, an assertion or a proof that Authority repeats. */
const encoded = /[\w+/=.-]{24,}/g;

/** Text from outside, in one short line. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
