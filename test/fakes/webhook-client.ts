/** Reviews sent as an API server sends them, and many of them at once: how many came back whole, and what went wrong with the others. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: { readonly [key: string]: unknown };
}

export function openReview(port: number, options: RequestOptions = {}) {
  const headers = { 'content-type': 'application/json', ...options.headers };
  return request({ host: '127.0.0.1', port, path: '/validate?timeout=5s', method: 'POST', servername: 'localhost', ...options, headers });
}

export async function answerOf(review: ReturnType<typeof openReview>): Promise<Answer> {
  const [response] = (await once(review, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(await text(response)) as Answer['body'] };
}

export function postReview(port: number, body: string, options: RequestOptions = {}): Promise<Answer> {
  const review = openReview(port, options);
  review.end(body);
  return answerOf(review);
}

export interface Load {
  readonly answered: number;
  /** Each kind of failure, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

/**
 * Sends until `stop` says so. One in `freshEvery` opens a connection of its own, with a handshake of its own; the others share
 * what `workers` connections carry.
 */
export async function sendLoad(port: number, ca: string, body: string, stop: (answered: number) => boolean, { workers = 8, freshEvery = 10 } = {}): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: workers, ca });
  const failures: Record<string, number> = {};
  let [sent, answered] = [0, 0];
  const work = async (): Promise<void> => {
    while (!stop(answered)) {
      const own = sent++ % freshEvery === 0;
      try {
        const answer = await postReview(port, body, own ? { agent: false, ca } : { agent });
        const { allowed } = (answer.body['response'] ?? {}) as { allowed?: boolean };
        if (answer.status === 200 && allowed === true) answered++;
        else failures[`${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`] = (failures[`${answer.status}`] ?? 0) + 1;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        failures[`${code ?? ''} ${message}`] = (failures[`${code ?? ''} ${message}`] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  agent.destroy();
  return { answered, failures };
}

/** How many requests a load test sends: a few, or with FULL=1 the whole number. */
export function loadSize(few: number, whole = 100_000): number {
  return process.env['FULL'] === '1' ? whole : few;
}
