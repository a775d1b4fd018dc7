/** Asks once more where that is safe and the time allows it: for questions, not for what changes something. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ZastavaError } from '../../contract/errors.ts';
import { parseRetryAfter } from '../authority/retry-after.ts';
import type { ScannerResponse, Send } from './send.ts';

/** Milliseconds to wait before the second try, with as much again at random; and what must be left for it. */
const retryWaits = { pauseMs: 50, leftMs: 250 } as const;

const passing = [429, 502, 503, 504];

export function withRetry(send: Send): Send {
  return async (request) => {
    const roomFor = (waitMs: number): boolean => request.deadlineAt - performance.now() > waitMs + retryWaits.leftMs;
    const pause = retryWaits.pauseMs * (1 + Math.random());
    let first: ScannerResponse;
    try {
      first = await send(request);
    } catch (error) {
      if (!(error instanceof ZastavaError) || error.code !== 'scanner.unavailable' || !roomFor(pause)) throw error;
      await sleep(pause);
      return send(request);
    }
    const wait = Math.max(pause, parseRetryAfter(first.headers['retry-after'] ?? null) ?? 0);
    if (!passing.includes(first.status) || !roomFor(wait)) return first;
    await sleep(wait);
    return send(request);
  };
}
