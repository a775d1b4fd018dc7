/**
 * One request to a registry, fenced in: image names, challenges and redirects are what an attacker may write, so every address is
 * checked before it is contacted, headers with credentials stay at the host that they were made for, and answers are bounded.
 */
import { request, type Dispatcher } from 'undici';
import { ZastavaError } from '../contract/errors.ts';

interface RegistryRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly accept: string;
  /** For the host of `url` alone. */
  readonly authorization?: string | undefined;
  /** On performance.now()'s clock, ms. */
  readonly deadlineAt: number;
}

export interface RegistryResponse {
  readonly status: number;
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: Buffer;
}

export type SendToRegistry = (request: RegistryRequest, dispatcher: Dispatcher) => Promise<RegistryResponse>;

/** A manifest may have 4 MiB, says the distribution spec. */
const bodyBytesMax = 4 * 1024 * 1024;
const redirectsMax = 3;
const redirects = [301, 302, 303, 307, 308];

/** Name in a reference → host that speaks the registry's protocol, as URLs have it (without `:443`). */
export function hostOfRegistry(domain: string): string {
  const host = URL.parse(`https://${domain}`)?.host ?? domain;
  return host === 'docker.io' ? 'registry-1.docker.io' : host;
}

/** @param hosts those that may be contacted, over HTTPS only */
export function createSendToRegistry(hosts: ReadonlySet<string>): SendToRegistry {
  return async (first, dispatcher) => {
    let { url, authorization } = first;
    for (let redirected = 0; redirected <= redirectsMax; redirected += 1) {
      const response = await sendOnce({ ...first, url, authorization }, dispatcher, hosts);
      const location = response.header('location');
      if (!redirects.includes(response.status) || location === undefined) return response;
      const next = parseUrl(location, url);
      if (next.host !== url.host) authorization = undefined;
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

async function sendOnce({ method, url, accept, authorization, deadlineAt }: RegistryRequest, dispatcher: Dispatcher, hosts: ReadonlySet<string>): Promise<RegistryResponse> {
  if (url.protocol !== 'https:' || !hosts.has(url.host) || url.username !== '') {
    throw new ZastavaError('registry.unlisted', `${url.protocol}//${url.host} is not contacted; expected https and one of zastava.webhook.registries; add ${url.host} to them if it is meant`);
  }
  const signal = AbortSignal.timeout(Math.max(1, Math.floor(deadlineAt - performance.now())));
  try {
    const { statusCode, headers, body } = await request(url, { method, dispatcher, signal, headers: { accept, ...(authorization !== undefined && { authorization }) } });
    const bytes = await readBounded(body, url);
    return { status: statusCode, header: (name) => [headers[name]].flat()[0], body: bytes };
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
