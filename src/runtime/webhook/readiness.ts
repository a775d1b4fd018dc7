/**
 * Whether the API server could reach this program: a TLS handshake with itself under the Service's name, against the authority
 * that the values give it. Backends never make the webhook unready: then there would be no answer, no record and no metric.
 */
import { connect } from 'node:tls';
import type { Log } from '../telemetry/logs.ts';
import { servingNames } from './serving-certificate.ts';

const patienceMs = 3000;
const everyMs = 10_000;
/** A program that is only busy must not lose its place in the Service to others that then are busier. */
const lateMax = 3;

/** The one reason that says nothing about the certificate. */
const late = 'tls: no handshake with itself in time';

/** @param caBundle PEM; absent: any certificate will do. @returns why not; null if it could */
export async function checkHandshake(port: number, caBundle: string | undefined): Promise<string | null> {
  try {
    return await handshake(port, caBundle);
  } catch (error) {
    return `tls: the authority cannot be used: ${(error as Error).message}`.slice(0, 300);
  }
}

function handshake(port: number, caBundle: string | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    const trust = caBundle === undefined ? { rejectUnauthorized: false } : { ca: caBundle };
    const socket = connect({ host: '127.0.0.1', port, servername: servingNames[0], ...trust });
    const end = (reason: string | null): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(patienceMs, () => end(late));
    socket.once('secureConnect', () => end(null));
    socket.once('error', (error: NodeJS.ErrnoException) => end(`tls: ${error.code ?? ''} ${error.message}`.trim().slice(0, 300)));
  });
}

interface HandshakeParts {
  readonly port: number;
  readonly caBundle: string | undefined;
  readonly unready: Set<string>;
  readonly log: Log;
}

/** Makes the first check, and goes on checking. @returns checks now: the certificate has changed */
export async function watchHandshake({ port, caBundle, unready, log }: HandshakeParts): Promise<() => Promise<void>> {
  let reason: string | null = null;
  let [told, lateChecks] = [false, 0];
  const check = async (): Promise<void> => {
    const found = await checkHandshake(port, caBundle);
    lateChecks = found === late ? lateChecks + 1 : 0;
    if (told && ((found === late && reason === null && lateChecks < lateMax) || found === reason)) return;
    if (reason !== null) unready.delete(reason);
    if (found !== null) unready.add(found);
    [reason, told] = [found, true];
    log[found === null ? 'info' : 'error']({ scope: 'admission.readiness', reason: found }, found === null ? 'a handshake with itself passes' : 'not ready: the API server could not connect');
  };
  await check();
  setInterval(() => void check(), everyMs).unref();
  return check;
}
