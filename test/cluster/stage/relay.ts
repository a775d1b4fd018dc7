/**
 * Runs on the node and hands what comes to a unix socket on to an address there: a file is seen in both worlds, a port is not.
 * Arguments: pairs of a socket's path and `host:port`.
 */
import { createServer, connect } from 'node:net';

const pairs = process.argv.slice(2);
for (let at = 0; at < pairs.length; at += 2) {
  const [host = '', port] = (pairs[at + 1] ?? '').split(':');
  createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host, port: Number(port), allowHalfOpen: true });
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  }).listen(pairs[at]);
}
