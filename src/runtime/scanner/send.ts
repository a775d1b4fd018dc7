/**
 * One request to Scanner, and the wrappers around it, all of one shape: what is asked, who asks, how often, how long it took.
 * `open-scanner.ts` composes them.
 */
import { createSecureContext } from 'node:tls';
import { Agent, request as httpRequest, type Dispatcher } from 'undici';
import { ZastavaError } from '../../contract/errors.ts';
import type { backendEndpoints } from '../../contract/label-values.ts';
import type { ClientTls } from '../authority/mounted-identity.ts';
import { tlsOptions } from '../authority/token-request.ts';

interface ScannerRequest {
  readonly endpoint: (typeof backendEndpoints)[number];
  readonly url: URL;
  /** JSON text. */
  readonly body: string;
  /** On performance.now()'s clock, ms. */
  readonly deadlineAt: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ScannerResponse {
  readonly status: number;
  /** Names in lower case; of a repeated header the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** @throws `scanner.unavailable`, `scanner.timeout`, `authority.*`; an answer of any status is an answer */
export type Send = (request: ScannerRequest) => Promise<ScannerResponse>;

const sendLimits = { answerBytesMax: 4 * 1024 * 1024, connections: 32, keepAliveMs: 30_000 } as const;

/** Connections to Scanner (HTTP/1.1), kept open; they show the client certificate, and are made anew when that or the trusted CA changes. */
export class ScannerConnections {
  readonly #clientTls: () => ClientTls | undefined;
  #current: { readonly identity: string; readonly agent: Agent } | undefined;

  constructor(clientTls: () => ClientTls | undefined) {
    this.#clientTls = clientTls;
  }

  readonly send: Send = async ({ url, body, deadlineAt, headers }) => {
    const left = deadlineAt - performance.now();
    if (!(left > 0)) throw timedOut();
    const signal = AbortSignal.timeout(Math.ceil(left));
    try {
      const options = { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json', ...headers }, body, signal, dispatcher: this.#agent() } as const;
      const response = await httpRequest(url, options);
      return { status: response.statusCode, headers: firstOf(response.headers), body: await readBounded(response.body) };
    } catch (error) {
      if (error instanceof ZastavaError) throw error;
      if (signal.aborted) throw timedOut();
      throw new ZastavaError('scanner.unavailable', `Scanner (${url.origin}) cannot be reached: ${reasonOf(error)}`, { cause: error });
    }
  };

  async close(): Promise<void> {
    await this.#current?.agent.destroy();
  }

  #agent(): Agent {
    const tls = this.#clientTls();
    const identity = `${tls?.fingerprint ?? ''} ${tls?.ca ?? ''}`;
    if (this.#current?.identity !== identity) {
      const { connections, keepAliveMs } = sendLimits;
      // One context for all: reading the root certificates again for each connection would take 10 ms.
      const connect = tls === undefined ? {} : { secureContext: createSecureContext(tlsOptions(tls)) };
      const agent = new Agent({ connections, pipelining: 1, allowH2: false, keepAliveTimeout: keepAliveMs, connect });
      // What is under way ends in peace.
      void this.#current?.agent.close();
      this.#current = { identity, agent };
    }
    return this.#current.agent;
  }
}

function timedOut(): ZastavaError {
  return new ZastavaError('scanner.timeout', 'Scanner did not answer in the time that was left');
}

function firstOf(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, Array.isArray(value) ? (value[0] ?? '') : value]])));
}

async function readBounded(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > sendLimits.answerBytesMax) throw new ZastavaError('scanner.answer-invalid', `Scanner's answer is larger than ${sendLimits.answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reasonOf(error: unknown): string {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  return (message.includes(code) ? message : `${code}: ${message}`).slice(0, 200);
}
