/** Opening and closing of servers: an open that fails says what to do, a close lets requests in flight finish. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { ZastavaError } from '../../contract/errors.ts';

/** An HTTP or HTTPS server. */
export type AnyServer = Pick<Server, 'listen' | 'once' | 'off' | 'address' | 'close' | 'closeAllConnections'>;

/** Listens on all addresses. @param port 0: any free one. @returns the port. @throws `environment` */
export async function listen(server: AnyServer, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: Error) =>
      reject(new ZastavaError('environment', `cannot listen on port ${port}: ${cause.message}; free it or set another one`, { cause }));
    server.once('error', refuse);
    server.listen(port, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Accepts no more, closes idle connections, waits for requests in flight.
 * @returns false if some were still there after `inFlightMs` and have been cut off.
 */
export async function closeServer(server: AnyServer, inFlightMs: number): Promise<boolean> {
  // A request that has arrived and was not read yet would end with its idle connection: a whole turn of the loop reads it.
  for (const _ of [1, 2]) await setImmediate();
  const closed = new Promise<true>((resolve) => server.close(() => resolve(true)));
  const done = await Promise.race([closed, sleep(inFlightMs, false, { ref: false })]);
  server.closeAllConnections();
  return done;
}
