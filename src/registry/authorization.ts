/**
 * What a registry wants to hear after a 401 (distribution's token authentication): the credentials themselves, or a token for
 * them. Credentials go to the host that they are for; for a token, to the realm which that host names, if that is listed, too.
 */
import { ZastavaError } from '../contract/errors.ts';
import type { Access } from './mounted-access.ts';
import { parseUrl, type SendToRegistry } from './registry-request.ts';

export interface Authorization {
  readonly header: string;
  /** How long it may be used again. */
  readonly seconds: number;
}

/** Longer lives are cut, so that changed credentials take effect; a token without a life has 60 s, says the spec. */
const secondsMax = 300;
const secondsDefault = 60;

export interface Wanted {
  readonly host: string;
  /** Of a token, such as `repository:team/api:pull`. */
  readonly scopes: readonly string[];
}

/**
 * @param challenge the header `www-authenticate`
 * @throws `registry.rejected`, `registry.answer-invalid`, and what sending throws
 */
export async function authorize(challenge: string, { host, scopes }: Wanted, { credentials, dispatcher }: Access, send: SendToRegistry, deadlineAt: number): Promise<Authorization> {
  const own = credentials.get(host);
  const scheme = /^\s*(\w+)/.exec(challenge)?.[1]?.toLowerCase();
  if (scheme === 'basic') {
    if (own === undefined) throw new ZastavaError('registry.rejected', `${host} wants credentials, and the docker config has none for it`);
    return { header: own, seconds: secondsMax };
  }
  const parameters = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name.toLowerCase(), value]));
  const realm = parameters.get('realm');
  if (scheme !== 'bearer' || realm === undefined) throw new ZastavaError('registry.answer-invalid', `${host} asks for an authentication that is neither Basic nor Bearer`);
  const url = parseUrl(realm);
  const service = parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const response = await send({ method: 'GET', url, headers: { accept: 'application/json' }, authorization: own, deadlineAt }, dispatcher);
  if (response.status !== 200) throw new ZastavaError(response.status >= 500 || response.status === 429 ? 'registry.unavailable' : 'registry.rejected', `${url.host} gives no token for ${host}, ${scopes.join(' ')} (status ${response.status})`);
  return readToken(response.body, url.host);
}

function readToken(body: Buffer, host: string): Authorization {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    // Without the cause, which quotes the answer.
  }
  const { token, access_token: accessToken, expires_in: expiresIn } = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>;
  const value = token ?? accessToken;
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(value)) throw new ZastavaError('registry.answer-invalid', `${host} answers without a token`);
  return { header: `Bearer ${value}`, seconds: Math.min(typeof expiresIn === 'number' ? expiresIn : secondsDefault, secondsMax) };
}
