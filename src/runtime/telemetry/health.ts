/**
 * The plain HTTP server of both programs, for the kubelet and Prometheus: `/healthz` (the process answers), `/readyz`
 * (send it work) and `/metrics`. It reads no body and answers the same to everyone, so it says nothing worth hiding.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { httpPaths, serverLimits } from '../../contract/programs.ts';
import type { Metrics } from './metrics.ts';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, value: unknown): Answer => ({ status, type: 'application/json', body: `${JSON.stringify(value)}\n` });

/** @param unready Why the program is not ready; it is ready while this is empty. */
export function createHealthServer(unready: ReadonlySet<string>, metrics: Metrics): Server {
  const { headersMs, requestMs } = serverLimits;
  return createServer({ headersTimeout: headersMs, requestTimeout: requestMs }, async (request, response) => {
    const answer = await answerTo(request, unready, metrics).catch((error: unknown) => json(500, { error: String(error) }));
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      ...(answer.status === 405 && { allow: 'GET, HEAD' }),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  });
}

async function answerTo(request: IncomingMessage, unready: ReadonlySet<string>, metrics: Metrics): Promise<Answer> {
  const path = request.url?.split('?')[0];
  const known: readonly (string | undefined)[] = [httpPaths.live, httpPaths.ready, httpPaths.metrics];
  if (!known.includes(path)) return json(404, { error: `nothing here; there are ${httpPaths.live}, ${httpPaths.ready}, ${httpPaths.metrics}` });
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'GET and HEAD only' });
  if (path === httpPaths.metrics) return { status: 200, ...(await metrics.render()) };
  if (path === httpPaths.live) return json(200, { alive: true });
  return json(unready.size === 0 ? 200 : 503, { ready: unready.size === 0, reasons: [...unready].sort() });
}
