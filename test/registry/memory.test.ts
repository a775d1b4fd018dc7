/** Constant memory: a blob of hundreds of MiB is sent by a process of its own to a registry that only counts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const MiB = 1024 * 1024;

test('a blob of 320 MiB is sent in less than 150 MiB of memory', async () => {
  let received = 0;
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    request.on('end', () => response.writeHead(request.method === 'PUT' ? 201 : 202, { location: '/v2/team/app/blobs/uploads/1' }).end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./upload-program.ts')), `127.0.0.1:${(server.address() as AddressInfo).port}`, String(320 * MiB)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const residentKiBMax = Number(await text(child.stdout));
  server.closeAllConnections();
  server.close();
  expect(received).toBe(320 * MiB);
  expect(residentKiBMax).toBeGreaterThan(0);
  expect(residentKiBMax).toBeLessThan(150 * 1024);
});
