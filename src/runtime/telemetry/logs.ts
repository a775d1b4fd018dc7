/**
 * One JSON object a line: `time` (RFC 3339, UTC), `level`, `component`, `scope`, `msg` and what the line is about.
 * Written beside the work, so that a slow reader of the log stops nobody; what is left is written at the exit. Never a secret: fields by these names are blanked
 * at any of the first three levels, and errors are reduced to what was meant for people.
 */
import { once, type EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pino, { type Logger } from 'pino';
import type { Problem } from '../../contract/errors.ts';
import { ZastavaError } from '../../contract/errors.ts';

export type Log = Logger;

const secretFields = [
  'accessToken', 'access_token', 'authorization', 'client_assertion', 'cookie', 'dpop', 'jwk', 'passphrase', 'password', 'privateKey', 'secret', 'token',
];

/** Lines that nobody reads any more are let go beyond this, before the program's memory is. */
const waitingBytesMax = 8 * 1024 * 1024;

/** @param stream 1 standard output (default), 2 standard error. */
export function createLog(component: string, stream: 1 | 2 = 1): Log {
  if (stream === 2) return createLogTo(component, pino.destination({ dest: stream, sync: true }));
  const destination = pino.destination({ dest: stream, sync: false, maxLength: waitingBytesMax });
  process.on('exit', () => flush(destination));
  const log = createLogTo(component, destination);
  destinations.set(log, destination);
  return log;
}

const destinations = new WeakMap<Log, EventEmitter>();

/** To be awaited right after the last line, for the flush at the exit overtakes a line that is being written. Returns within a second, if nobody reads. */
export async function lastLineWritten(log: Log): Promise<void> {
  const destination = destinations.get(log);
  if (destination) await Promise.race([once(destination, 'drain'), sleep(1000)]);
}

/** A program that ends before its first line has nothing to write. */
function flush(destination: { flushSync(): void }): void {
  try {
    destination.flushSync();
  } catch {
    // Not open yet.
  }
}

export function createLogTo(component: string, destination: pino.DestinationStream): Log {
  return pino(
    {
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { error: describeError },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
    },
    destination,
  );
}

interface ErrorDescription {
  readonly code: string;
  readonly message: string;
  readonly problems?: readonly Problem[];
  readonly cause?: string;
  readonly stack?: string;
}

/** What a line says about an error; a stack only for what nobody foresaw. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof ZastavaError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.problems.length > 0 && { problems: error.problems }),
      ...(error.cause instanceof Error && { cause: error.cause.message }),
    };
  }
  if (error instanceof Error) return { code: 'internal', message: error.message, ...(error.stack !== undefined && { stack: error.stack }) };
  return { code: 'internal', message: String(error) };
}
