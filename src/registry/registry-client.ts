/**
 * A registry that the caller named, as a person who may write to it speaks with it: authorized as it asks, patient when it falters.
 * Credentials and tokens go to that one host, and for a token to hosts that the caller allows; never after a redirect to another.
 */
import { rootCertificates } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { ZastavaError } from '../contract/errors.ts';
import { authorize } from './authorization.ts';
import type { Credentials } from './docker-config.ts';
import { createSendToRegistry, hostOfRegistry, parseUrl, type Fence, type RegistryRequest, type RegistryResponse, type SendToRegistry } from './registry-request.ts';

export interface RegistryOptions {
  /** As in references: `registry.internal:5000`. */
  readonly domain: string;
  /** Of a token, such as `repository:zastava/observer:pull,push`. */
  readonly scopes: readonly string[];
  readonly credentials?: Credentials;
  /** PEM; trusted beside Node's own roots. */
  readonly ca?: string | undefined;
  /** Hosts that may be given the credentials for a token. Default: the registry alone. */
  readonly tokenHosts?: readonly string[];
  /** HTTP instead of HTTPS. Credentials are then sent on loopback only. Default: false. */
  readonly plainHttp?: boolean;
  /** Before the first of the repeats; doubled for each that follows. Default: 500 ms. */
  readonly delayMs?: number;
}

export interface Question extends Pick<RegistryRequest, 'method' | 'headers' | 'body'> {
  /** Below the registry, or a whole URL that it has named. */
  readonly at: string | URL;
  /** How long the answer may take. Default: 60 s. */
  readonly patienceMs?: number;
}

const triesMax = 5;
const connectionsMax = 8;
const defaultPatienceMs = 60_000;
const waitMsMax = 30_000;
/** Longer than a blob that is sent in pieces waits between two of them. */
const keepAliveMs = 30_000;

export class RegistryClient {
  readonly host: string;
  readonly #options: RegistryOptions;
  readonly #send: SendToRegistry;
  readonly #agent: Agent;
  readonly #delayMs: number;
  #authorization: string | undefined;

  constructor(options: RegistryOptions) {
    this.host = hostOfRegistry(options.domain);
    this.#options = options;
    this.#delayMs = options.delayMs ?? 500;
    this.#send = createSendToRegistry(fenceOfCredentials(this.host, options));
    this.#agent = new Agent({ connections: connectionsMax, keepAliveTimeout: keepAliveMs, connect: { timeout: 10_000, ...(options.ca !== undefined && { ca: [...rootCertificates, options.ca] }) } });
  }

  /** Whether it is a registry that lets us in. @throws `registry.*` */
  async open(): Promise<void> {
    const { status } = await this.ask({ method: 'GET', at: '/v2/', patienceMs: 15_000 });
    if (status !== 200) throw this.refusal(status, 'to be asked at all');
  }

  url(path: string | URL): URL {
    return path instanceof URL ? path : parseUrl(path, new URL(`${this.#options.plainHttp === true ? 'http' : 'https'}://${this.host}`));
  }

  /** Once, and once more with a new authorization if that is what is missing. Any status comes back but 401. */
  async askOnce({ at, patienceMs = defaultPatienceMs, ...rest }: Question): Promise<RegistryResponse> {
    const url = this.url(at);
    const request = (): RegistryRequest => ({ ...rest, url, deadlineAt: performance.now() + patienceMs, authorization: url.host === this.host ? this.#authorization : undefined });
    const first = await this.#send(request(), this.#agent);
    if (first.status !== 401) return first;
    if (first.url.host !== this.host) throw this.refusal(first.status, `what it has sent us to ${first.url.host} for`);
    await this.#authorize(first.header('www-authenticate') ?? '');
    const second = await this.#send(request(), this.#agent);
    if (second.status === 401) throw this.refusal(second.status, 'it with these credentials');
    return second;
  }

  /** Repeats what may be repeated, while the registry cannot be reached or says that it is busy. */
  async ask(question: Question): Promise<RegistryResponse> {
    for (let tries = 1; ; tries++) {
      try {
        const response = await this.askOnce(question);
        if (!isBusy(response) || tries === triesMax) return response;
        await this.rest(tries, response);
      } catch (error) {
        if (!isPassing(error) || tries === triesMax) throw error;
        await this.rest(tries);
      }
    }
  }

  /** Waits as long as the registry asks for, or twice as long for each try. */
  async rest(tries: number, response?: RegistryResponse): Promise<void> {
    const asked = Number(response?.header('retry-after')) * 1000;
    await sleep(Math.min(asked > 0 ? asked : this.#delayMs * 2 ** (tries - 1), waitMsMax));
  }

  refusal(status: number, what: string): ZastavaError {
    if (status === 429 || status >= 500) return new ZastavaError('registry.unavailable', `${this.host} cannot answer now (status ${status})`);
    const todo = status === 401 || status === 403 ? '; see the credentials for it in the docker config' : '';
    return new ZastavaError('registry.rejected', `${this.host} refuses ${what} (status ${status})${todo}`);
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #authorize(challenge: string): Promise<void> {
    const { credentials = new Map<string, string>(), scopes } = this.#options;
    const { header } = await authorize(challenge, { host: this.host, scopes }, { credentials, dispatcher: this.#agent }, this.#send, performance.now() + defaultPatienceMs);
    this.#authorization = header;
  }
}

/** The registry is gone for now, or was never there. */
export function isPassing(error: unknown): boolean {
  return error instanceof ZastavaError && (error.code === 'registry.unavailable' || error.code === 'registry.timeout');
}

export function isBusy({ status }: RegistryResponse): boolean {
  return status === 429 || status >= 500;
}

function fenceOfCredentials(host: string, { plainHttp = false, tokenHosts = [] }: RegistryOptions): Fence {
  return ({ protocol, host: asked, hostname, username }, withCredentials) => {
    const refuse = (what: string): never => {
      throw new ZastavaError('registry.credentials-withheld', what);
    };
    if (username !== '') refuse(`${host} points to an address with a user in it, which is not contacted`);
    if (protocol !== 'https:' && !(plainHttp && protocol === 'http:' && asked === host)) refuse(`${host} points to ${protocol}//${asked}, which is not contacted; expected https`);
    if (!withCredentials) return;
    if (asked !== host && !tokenHosts.includes(asked)) refuse(`${host} wants its credentials to be sent to ${asked}, which was not done; if that is its token server, allow it with --token-host ${asked}`);
    if (protocol !== 'https:' && !['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) refuse(`${host} wants credentials over plain HTTP, which everybody on the way could read; give it TLS`);
  };
}
