/**
 * The bytes of one review, as they come: bounded in size, in the room that all reviews share, and in time. A client that sends
 * slowly, or stops halfway, holds its place until the deadline and no longer.
 */
import type { IncomingMessage } from 'node:http';
import { serverLimits } from '../../contract/programs.ts';
import type { Place } from './in-flight.ts';

/** Why there is no review: beyond the limit, no room in memory, not there in time, or the client went away. */
export type BodyRefusal = 'too large' | 'no room' | 'late' | 'cut off';

/**
 * A body that is refused for its size is read on and thrown away, so that the client hears the answer, but not for ever.
 * @param deadlineAt on performance.now()'s clock (ms)
 */
export function readReviewBody(request: IncomingMessage, place: Place, deadlineAt: number): Promise<Uint8Array | BodyRefusal> {
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let size = 0;
    let refused: BodyRefusal | undefined;
    const end = (result: Uint8Array | BodyRefusal): void => {
      clearTimeout(timer);
      refused ??= 'late';
      chunks = [];
      resolve(result);
    };
    const timer = setTimeout(() => end('late'), Math.max(1, deadlineAt - performance.now()));
    request.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
      if (refused === undefined && size > serverLimits.bodyBytesMax) refused = 'too large';
      else if (refused === undefined && !place.grow(chunk.length)) refused = 'no room';
      if (refused === undefined) chunks.push(chunk);
      else chunks = [];
      if (size > 2 * serverLimits.bodyBytesMax) request.destroy();
    });
    request.on('end', () => end(refused ?? (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))));
    request.on('error', () => end('cut off'));
    request.on('close', () => end('cut off'));
  });
}
