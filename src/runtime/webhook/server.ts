/**
 * The HTTPS server that the API server calls: HTTP/1.1, TLS 1.2 or newer, connections kept longer than the client's own 90 s.
 * A valid review is answered 200 with an AdmissionReview, in the time that the API server gives; all else is an error status
 * with a problem document (RFC 9457), which the API server takes as a failed call and never as `allowed`.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ZastavaError } from '../../contract/errors.ts';
import { httpPaths, serverLimits } from '../../contract/programs.ts';
import { describeError, type Log } from '../telemetry/logs.ts';
import type { Admit } from './admit.ts';
import type { InFlight, Place } from './in-flight.ts';
import { readReviewBody, type BodyRefusal } from './review-body.ts';
import type { ServingCertificate } from './serving-certificate.ts';

interface Answer {
  readonly status: number;
  readonly value: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface ServerParts {
  readonly certificate: ServingCertificate;
  readonly admit: Admit;
  readonly inFlight: InFlight;
  readonly draining: () => boolean;
  readonly log: Log;
  /** Told the time of each admission, from the request's headers to the end of the answer. */
  readonly observeMs: (duration: number) => void;
}

export function createWebhookServer(parts: ServerParts): Server {
  const { certificate, draining, inFlight, log, observeMs } = parts;
  const { keepAliveMs, headersMs, requestMs, lookMs, requestsPerConnectionMax, connectionsMax } = serverLimits;
  const times = { handshakeTimeout: headersMs, headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: keepAliveMs, connectionsCheckingInterval: lookMs };
  const server = createServer({ ALPNProtocols: ['http/1.1'], ...times, ...secureContextOf(certificate) }, async (request, response) => {
    const start = performance.now();
    const place = inFlight.enter();
    try {
      const answer = place ? await answerTo(request, start, place, parts) : overloaded('too many reviews are being answered', log);
      send(response, answer, draining());
      if (answer.status === 200) response.once('close', () => observeMs(performance.now() - start));
    } catch (error) {
      send(response, failure(error, log), draining());
    } finally {
      place?.leave();
    }
  });
  server.maxRequestsPerSocket = requestsPerConnectionMax;
  server.maxConnections = connectionsMax;
  return server;
}

/** For a new server, or for `setSecureContext` of one that runs: connections that are open keep what they have. */
export function secureContextOf({ certificate, key }: Pick<ServingCertificate, 'certificate' | 'key'>) {
  return { cert: certificate, key, minVersion: 'TLSv1.2', ciphers: serverLimits.ciphers } as const;
}

async function answerTo(request: IncomingMessage, start: number, place: Place, { admit, inFlight, log }: ServerParts): Promise<Answer> {
  const [path, query = ''] = (request.url ?? '').split('?', 2);
  if (path !== httpPaths.validate) return problem(404, 'not found', `reviews are answered at ${httpPaths.validate}`);
  if (request.method !== 'POST') return problem(405, 'method not allowed', `expected POST, found ${request.method}`, { headers: { allow: 'POST' } });
  const type = request.headers['content-type'];
  if (type?.split(';')[0]?.trim().toLowerCase() !== 'application/json') return problem(415, 'unsupported media type', `expected application/json, found ${type ?? 'nothing'}`);
  const deadlineAt = start + answerMs(query);
  const body = await readReviewBody(request, place, deadlineAt);
  if (typeof body === 'string') return withoutBody(body, log);
  return { status: 200, value: await admit(body, deadlineAt, inFlight.crowded) };
}

/**
 * Milliseconds for the answer: what the API server says in `?timeout=5s`, which it rounds up to whole seconds, without that
 * second and the way back; never more than the registration of the manifests gives.
 */
export function answerMs(query: string): number {
  const { admissionTimeoutSeconds, timeoutRoundingMs, answerReserveMs, answerMsMin } = serverLimits;
  const given = /(?:^|&)timeout=(\d{1,3})s(?:&|$)/.exec(query)?.[1];
  const seconds = Math.min(given === undefined ? admissionTimeoutSeconds : Number(given), admissionTimeoutSeconds);
  return Math.max(answerMsMin, seconds * 1000 - timeoutRoundingMs - answerReserveMs);
}

function withoutBody(refusal: BodyRefusal, log: Log): Answer {
  if (refusal === 'no room') return overloaded('too many bytes, or too many large reviews, are being answered', log);
  if (refusal === 'too large') return problem(413, 'content too large', `a review has at most ${serverLimits.bodyBytesMax} bytes`);
  const late = refusal === 'late';
  log.warn({ scope: 'admission.review' }, late ? 'the time for the answer was over while waiting for the rest of the review' : 'connection closed before the whole review came');
  return problem(late ? 408 : 400, late ? 'request timeout' : 'incomplete', late ? 'the time for the answer was over while waiting for the rest of the review' : 'the review did not come whole');
}

/** After these the rest of the request may still be on its way. A 503 keeps its connection: another handshake costs more. */
const closingStatuses = [408, 413];

function send(response: ServerResponse, { status, value, headers }: Answer, draining: boolean): void {
  if (response.destroyed || response.headersSent) return;
  const body = JSON.stringify(value);
  const type = status === 200 ? 'application/json' : 'application/problem+json';
  const closing = draining || closingStatuses.includes(status);
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers, ...(closing && { connection: 'close' }) });
  response.end(body);
}

let toldAt = Number.NEGATIVE_INFINITY;

/** The log has one line a second of it: to write more would make it worse. */
function overloaded(detail: string, log: Log): Answer {
  if (performance.now() - toldAt > 1000) {
    toldAt = performance.now();
    log.error({ scope: 'admission.overload', detail }, 'overloaded: reviews are refused unread');
  }
  return problem(503, 'overloaded', `${detail}; the failurePolicy of the namespace decides`, { headers: { 'retry-after': '1' } });
}

function failure(error: unknown, log: Log): Answer {
  if (error instanceof ZastavaError && error.code === 'admission.review-invalid') {
    log.warn({ scope: 'admission.review', error }, 'review refused');
    return problem(400, 'not a review that can be judged', error.message, { problems: error.problems });
  }
  log.error({ scope: 'admission.review', error: describeError(error) }, 'review failed');
  return problem(500, 'internal error', 'the webhook could not answer; its log says why');
}

function problem(status: number, title: string, detail: string, more: { headers?: Readonly<Record<string, string>>; problems?: readonly unknown[] } = {}): Answer {
  const { headers, problems } = more;
  return { status, value: { title, status, detail, ...(problems && { problems }) }, ...(headers && { headers }) };
}
