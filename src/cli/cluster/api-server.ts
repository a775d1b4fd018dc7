/** Single requests to an API server, with the access of a kubeconfig. */
import { Agent, request } from 'undici';
import { checkObject, type JsonObject } from '../../bytes/json-checks.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { ClusterAccess } from './kubeconfig.ts';

export interface ApiAnswer {
  readonly status: number;
  /** Empty when the answer is no JSON object. */
  readonly body: JsonObject;
  readonly text: string;
}

const limits = { answerBytesMax: 64 * 1024 * 1024, timeoutMs: 30_000 } as const;

export class ApiServer {
  readonly #access: ClusterAccess;
  readonly #agent: Agent;

  constructor(access: ClusterAccess) {
    this.#access = access;
    this.#agent = new Agent({ connections: 8, connect: access.tls, maxResponseSize: limits.answerBytesMax });
  }

  get address(): string {
    return this.#access.server;
  }

  /** @param path with its query. @throws `cluster.unavailable` when there is no answer */
  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<ApiAnswer> {
    const { server, token } = this.#access;
    const headers = { 'accept': 'application/json', ...(body && { 'content-type': 'application/json' }), ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    try {
      const response = await request(server.replace(/\/+$/, '') + path, { method, headers, dispatcher: this.#agent, signal: AbortSignal.timeout(limits.timeoutMs), ...(body && { body: JSON.stringify(body) }) });
      const text = await response.body.text();
      return { status: response.statusCode, text, body: parseObject(text) };
    } catch (cause) {
      throw new ZastavaError('cluster.unavailable', `the API server ${server} cannot be asked: ${(cause as Error).message || (cause as NodeJS.ErrnoException).code}`, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** What an API server says about a refusal, in one line. */
export function messageOf({ status, body }: ApiAnswer): string {
  const { message } = body;
  return `${status}${typeof message === 'string' ? `: ${message.replaceAll(/\s+/g, ' ').slice(0, 500)}` : ''}`;
}

function parseObject(text: string): JsonObject {
  try {
    return checkObject(JSON.parse(text), 'answer', []);
  } catch {
    return {};
  }
}
