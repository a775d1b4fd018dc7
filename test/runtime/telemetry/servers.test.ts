import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { closeServer, listen } from '../../../src/runtime/telemetry/servers.ts';

test('a request that came before the close is answered, though nobody had read it yet', async () => {
  const server = createServer((_, response) => response.end('answered'));
  const client = connect(await listen(server, 0), '127.0.0.1');
  client.write('GET /1 HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(client, 'data');
  client.write('GET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  const closing = closeServer(server, 5000);
  expect(await text(client)).toContain('answered');
  expect(await closing).toBe(true);
});
