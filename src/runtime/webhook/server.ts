/**
 * The HTTPS server that the API server calls: HTTP/1.1, TLS 1.2 or newer, connections kept longer than the client's own 90 s.
 * A valid review is answered 200 with an AdmissionReview; all else is an error status with a problem document (RFC 9457),
 * which the API server takes as a failed call and never as `allowed`.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { ZastavaError } from '../../contract/errors.ts';
import { httpPaths, serverLimits } from '../../contract/programs.ts';
import { describeError, type Log } from '../telemetry/logs.ts';
import type { Admit } from './admit.ts';
import type { ServingCertificate } from './serving-certificate.ts';

interface Answer {
  readonly status: number;
  readonly value: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface ServerParts {
  readonly certificate: ServingCertificate;
  readonly admit: Admit;
  readonly draining: () => boolean;
  readonly log: Log;
  /** Told the time of each admission, from the request's headers to the end of the answer. */
  readonly observeMs: (duration: number) => void;
}

export function createWebhookServer({ certificate, admit, draining, log, observeMs }: ServerParts): Server {
  const { keepAliveMs, headersMs, requestMs, requestsPerConnectionMax } = serverLimits;
  const options = { minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'], handshakeTimeout: headersMs, keepAliveTimeout: keepAliveMs, headersTimeout: headersMs, requestTimeout: requestMs } as const;
  const server = createServer({ ...options, cert: certificate.certificate, key: certificate.key }, async (request, response) => {
    const start = performance.now();
    const { status, value, headers } = await answerTo(request, admit).catch((error: unknown) => failure(error, log));
    const body = JSON.stringify(value);
    const type = status === 200 ? 'application/json' : 'application/problem+json';
    const closing = draining() || status === 413;
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers, ...(closing && { connection: 'close' }) });
    response.end(body);
    if (status === 200) response.once('close', () => observeMs(performance.now() - start));
  });
  server.maxRequestsPerSocket = requestsPerConnectionMax;
  return server;
}

async function answerTo(request: IncomingMessage, admit: Admit): Promise<Answer> {
  if (request.url?.split('?')[0] !== httpPaths.validate) return problem(404, 'not found', `reviews are answered at ${httpPaths.validate}`);
  if (request.method !== 'POST') return problem(405, 'method not allowed', `expected POST, found ${request.method}`, { headers: { allow: 'POST' } });
  const type = request.headers['content-type'];
  if (type?.split(';')[0]?.trim().toLowerCase() !== 'application/json') return problem(415, 'unsupported media type', `expected application/json, found ${type ?? 'nothing'}`);
  const body = await readBody(request);
  if (!body) return problem(413, 'content too large', `a review has at most ${serverLimits.bodyBytesMax} bytes`);
  return { status: 200, value: admit(body) };
}

/** @returns undefined for a body beyond the limit. It is read on and thrown away, so that the client hears the answer, but not for ever. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size <= serverLimits.bodyBytesMax) chunks.push(chunk);
    else chunks.length = 0;
    if (size > 2 * serverLimits.bodyBytesMax) request.destroy();
  }
  return size <= serverLimits.bodyBytesMax ? Buffer.concat(chunks) : undefined;
}

function failure(error: unknown, log: Log): Answer {
  if (error instanceof ZastavaError && error.code === 'admission.review-invalid') {
    log.warn({ scope: 'admission.review', error }, 'review refused');
    return problem(400, 'not a review that can be judged', error.message, { problems: error.problems });
  }
  if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET') {
    log.warn({ scope: 'admission.review' }, 'connection closed before the whole review came');
    return problem(400, 'incomplete', 'the review did not come whole');
  }
  log.error({ scope: 'admission.review', error: describeError(error) }, 'review failed');
  return problem(500, 'internal error', 'the webhook could not answer; its log says why');
}

function problem(status: number, title: string, detail: string, more: { headers?: Readonly<Record<string, string>>; problems?: readonly unknown[] } = {}): Answer {
  const { headers, problems } = more;
  return { status, value: { title, status, detail, ...(problems && { problems }) }, ...(headers && { headers }) };
}
