/**
 * One request to a registry, fenced in: image names, challenges and redirects are what an attacker may write, so every address is
 * checked before it is contacted, headers with credentials stay at the host that they were made for, and answers are bounded.
 */
import { request, type Dispatcher } from 'undici';
import { ZastavaError } from '../contract/errors.ts';

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: URL;
  /** Of the request, but for the authorization; `accept` and the like. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For the host of `url` alone. */
  readonly authorization?: string | undefined;
  /** It is not changed before the answer is there. */
  readonly body?: Uint8Array;
  /** On performance.now()'s clock, ms. */
  readonly deadlineAt: number;
}

export interface RegistryResponse {
  readonly status: number;
  /** Of the request that was answered, after redirects. */
  readonly url: URL;
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: Buffer;
}

export type SendToRegistry = (request: RegistryRequest, dispatcher: Dispatcher) => Promise<RegistryResponse>;

/** Throws for an address that is not to be contacted, or not with credentials. */
export type Fence = (url: URL, withCredentials: boolean) => void;

/** A manifest may have 4 MiB, says the distribution spec. */
const bodyBytesMax = 4 * 1024 * 1024;
const redirectsMax = 3;
const redirects = [301, 302, 303, 307, 308];
/** Those that repeat what was sent. */
const repeating = [307, 308];

/** Name in a reference → host that speaks the registry's protocol, as URLs have it (without `:443`). */
export function hostOfRegistry(domain: string): string {
  const host = URL.parse(`https://${domain}`)?.host ?? domain;
  return host === 'docker.io' ? 'registry-1.docker.io' : host;
}

/** Only these hosts, over HTTPS only. */
export function fenceOf(hosts: ReadonlySet<string>): Fence {
  return (url) => {
    if (url.protocol === 'https:' && hosts.has(url.host) && url.username === '') return;
    throw new ZastavaError('registry.unlisted', `${url.protocol}//${url.host} is not contacted; expected https and one of zastava.webhook.registries; add ${url.host} to them if it is meant`);
  };
}

export function createSendToRegistry(fence: Fence): SendToRegistry {
  return async (first, dispatcher) => {
    const followed = first.method === 'GET' || first.method === 'HEAD' ? redirects : repeating;
    let { url, authorization } = first;
    for (let redirected = 0; redirected <= redirectsMax; redirected += 1) {
      fence(url, authorization !== undefined);
      const response = await sendOnce({ ...first, url, authorization }, dispatcher);
      const location = response.header('location');
      if (!followed.includes(response.status) || location === undefined) return response;
      const next = parseUrl(location, url);
      if (next.host !== url.host || next.protocol !== url.protocol) authorization = undefined;
      url = next;
    }
    throw new ZastavaError('registry.answer-invalid', `${first.url.host} redirects more than ${redirectsMax} times`);
  };
}

/** @throws `registry.answer-invalid` */
export function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url) throw new ZastavaError('registry.answer-invalid', `a registry names an address that is none: ${JSON.stringify(text.slice(0, 200))}`);
  return url;
}

async function sendOnce({ method, url, headers, authorization, body, deadlineAt }: RegistryRequest, dispatcher: Dispatcher): Promise<RegistryResponse> {
  const signal = AbortSignal.timeout(Math.max(1, Math.floor(deadlineAt - performance.now())));
  try {
    const response = await request(url, { method, dispatcher, signal, headers: { ...headers, ...(authorization !== undefined && { authorization }) }, ...(body && { body }) });
    const bytes = await readBounded(response.body, url);
    return { status: response.statusCode, url, header: (name) => [response.headers[name]].flat()[0], body: bytes };
  } catch (cause) {
    if (cause instanceof ZastavaError) throw cause;
    if (signal.aborted) throw new ZastavaError('registry.timeout', `${url.host} did not answer in time`, { cause });
    throw new ZastavaError('registry.unavailable', `${url.host} cannot be reached (${(cause as Error).message || (cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

async function readBounded(body: Dispatcher.ResponseData['body'], url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop destroys the body, and its connection.
    if (size > bodyBytesMax) throw new ZastavaError('registry.answer-invalid', `${url.host} answers with more than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
