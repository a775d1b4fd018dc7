/**
 * A double of Scanner on loopback: judges images by a table, keeps what it was told, checks tokens and proofs as a resource
 * server must (RFC 9449, RFC 8705), and can be told to be slow, wrong or dead.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { calculateJwkThumbprint, createLocalJWKSet, decodeJwt, importJWK, jwtVerify, type JSONWebKeySet, type JWK } from 'jose';
import type { EventBatch } from '../../src/contract/runtime-event.ts';
import type { Listening } from './authority-server.ts';
import type { TestPki } from './test-pki.ts';

export interface Verdict {
  readonly policyVerdict: 'pass' | 'warn' | 'fail' | 'error';
  readonly signed?: boolean;
  readonly hasSbomReferrers?: boolean;
  readonly reasons?: readonly string[];
  readonly buildIds?: readonly string[];
}

interface Question {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly images: readonly string[];
}

export interface ScannerOptions {
  /** Judges one image. Default: pass. */
  readonly judge?: (image: string, question: Question) => Verdict;
  /** Called with what came, before it is acknowledged. */
  readonly onBatch?: (batch: EventBatch) => void;
  readonly onQuestion?: (question: Question) => void;
  readonly ttlSeconds?: number;
  readonly revision?: string;
  readonly delayMs?: number;
  /** Keys of Authority's tokens: then tokens, proofs and bindings are checked. */
  readonly jwks?: { readonly keys: readonly object[] };
  /** Taken as it is, as a bearer token: that of the bootstrap (runbook 3). */
  readonly staticToken?: string;
  /** Wants its own nonce in proofs. */
  readonly nonce?: string;
  /** Answers in place of the double; `stall` stops in the middle of an answer, `cut` breaks the connection there. */
  readonly answer?: (request: { readonly path: string; readonly body: string }) => { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string } | 'hang' | 'stall' | 'cut' | undefined;
}

export class ScannerServer {
  readonly #server: Server;
  readonly baseAddress: string;
  readonly questions: Question[] = [];
  readonly batches: EventBatch[] = [];
  /** Told of each `authorization` that comes. */
  onAuthorization: (value: string) => void = () => {};
  /** Fingerprints of the client certificates that were shown. */
  readonly clients = new Set<string | undefined>();
  readonly #proofs = new Set<unknown>();
  /** Ids of events that came. */
  readonly #known = new Set<string>();
  /** Connections that were made. */
  connections = 0;
  options: ScannerOptions;

  private constructor(server: Server, options: ScannerOptions, origin?: string) {
    [this.#server, this.options] = [server, options];
    this.baseAddress = origin ?? `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  static async start(pki: Pick<TestPki, 'ca' | 'server'>, options: ScannerOptions = {}, at: number | Listening = 0): Promise<ScannerServer> {
    const server = createServer({ ...(await pki.server()), ca: pki.ca, requestCert: true, rejectUnauthorized: false });
    const { host, port, origin } = typeof at === 'number' ? { host: '127.0.0.1', port: at } : at;
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const scanner = new ScannerServer(server, options, origin);
    server.on('secureConnection', () => scanner.connections++);
    server.on('request', (request, response) => void scanner.#handle(request, response).catch((error: unknown) => response.writeHead(500).end(JSON.stringify({ title: String(error) }))));
    return scanner;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.onAuthorization(request.headers.authorization ?? '');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [path, body] = [request.url ?? '', Buffer.concat(chunks).toString()];
    this.clients.add((request.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256);
    if (this.options.delayMs !== undefined) await sleep(this.options.delayMs);
    const own = this.options.answer?.({ path, body });
    if (own === 'hang') return;
    if (own === 'stall' || own === 'cut') {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('{"ttlSeconds": 3');
      if (own === 'cut') setTimeout(() => request.socket.destroy(), 20);
      return;
    }
    if (own !== undefined) return void response.writeHead(own.status, { 'content-type': 'application/json', ...own.headers }).end(own.body ?? '{}');
    const refusal = this.options.jwks === undefined ? undefined : await this.#refusal(request, path);
    if (refusal !== undefined) return void response.writeHead(401, { 'content-type': 'application/problem+json', ...refusal.headers }).end(JSON.stringify({ title: refusal.title }));
    if (path.endsWith('/events')) return this.#takeEvents(body, response);
    return this.#judge(body, response);
  }

  #judge(body: string, response: ServerResponse): void {
    const question = JSON.parse(body) as Question;
    this.questions.push(question);
    this.options.onQuestion?.(question);
    const { judge = () => ({ policyVerdict: 'pass' }) as Verdict, ttlSeconds = 300, revision = 'rev-1' } = this.options;
    const results = Object.fromEntries(question.images.map((image) => {
      const verdict = judge(image, question);
      return [image, { signed: verdict.policyVerdict === 'pass', hasSbomReferrers: true, reasons: [], ...verdict }];
    }));
    const expiresAtUtc = new Date(Date.now() + ttlSeconds * 1000).toISOString();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ttlSeconds, expiresAtUtc, policyRevision: revision, results }));
  }

  #takeEvents(body: string, response: ServerResponse): void {
    const batch = JSON.parse(body) as EventBatch;
    const duplicates = batch.events.filter(({ event }) => this.#known.has(event.eventId)).length;
    for (const { event } of batch.events) this.#known.add(event.eventId);
    this.batches.push(batch);
    this.options.onBatch?.(batch);
    response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify({ accepted: batch.events.length - duplicates, duplicates }));
  }

  async #refusal(request: IncomingMessage, path: string): Promise<{ title: string; headers: Record<string, string> } | undefined> {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    const refuse = (title: string, error = 'invalid_token') => ({ title, headers: { 'www-authenticate': `DPoP error="${error}"`, ...(this.options.nonce !== undefined && { 'dpop-nonce': this.options.nonce }) } });
    if (scheme === 'Bearer' && token !== '' && token === this.options.staticToken) return undefined;
    try {
      if (scheme !== 'DPoP') return refuse(`scheme ${scheme}`);
      await jwtVerify(token, createLocalJWKSet(this.options.jwks as unknown as JSONWebKeySet), { audience: 'scanner', typ: 'at+jwt' });
      const { scope, cnf } = decodeJwt<{ scope?: string; cnf?: Record<string, string> }>(token);
      const needed = path.endsWith('/events') ? 'api:scanner.runtime.write' : 'aud:scanner';
      if (!scope?.split(' ').includes(needed)) return refuse('scope');
      const { payload, protectedHeader } = await jwtVerify(String(request.headers['dpop']), async (header) => importJWK(header.jwk as JWK, header.alg), { typ: 'dpop+jwt', maxTokenAge: 60 });
      if ((await calculateJwkThumbprint(protectedHeader.jwk as JWK)) !== cnf?.['jkt']) return refuse('key');
      if (payload['htm'] !== request.method || payload['htu'] !== this.baseAddress + path.split('?')[0]) return refuse('htm or htu');
      if (this.#proofs.size === this.#proofs.add(payload['jti']).size) return refuse('jti');
      if (payload['ath'] !== createHash('sha256').update(token).digest('base64url')) return refuse('ath');
      if (this.options.nonce !== undefined && payload['nonce'] !== this.options.nonce) return refuse('nonce', 'use_dpop_nonce');
      const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
      if (!certificate || cnf['x5t#S256'] !== fingerprintOf(certificate)) return refuse('certificate');
      return undefined;
    } catch (error) {
      return refuse(String(error));
    }
  }
}

function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('base64url');
}
