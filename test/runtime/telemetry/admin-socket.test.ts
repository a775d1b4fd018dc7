import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { askAdminSocket, serveAdminSocket } from '../../../src/runtime/telemetry/admin-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-socket-'));
const path = join(folder, 'admin.sock');
let server: Server;

beforeAll(async () => {
  writeFileSync(path, 'left by an earlier process');
  server = await serveAdminSocket(path, {
    greet: (name) => `hello ${name}`,
    refuse: () => { throw new ZastavaError('usage', 'not that one'); },
    fail: () => { throw new TypeError('of no concern to anybody'); },
  });
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function say(line: string): Promise<unknown> {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write(line);
  return JSON.parse(await text(socket));
}

test('takes the place of an old socket, opens to its own user only, and gives the answer', async () => {
  expect(statSync(path).mode & 0o7777).toBe(0o600);
  expect(await askAdminSocket(path, 'greet', 'pod')).toBe('hello pod');
});

test('tells the person who asks why it refuses', async () => {
  await expect(askAdminSocket(path, 'refuse', 'x')).rejects.toMatchObject({ code: 'usage', message: 'not that one' });
  await expect(askAdminSocket(path, 'fail', 'x')).rejects.toMatchObject({ code: 'usage', message: 'not understood' });
  await expect(askAdminSocket(path, 'toString', 'x')).rejects.toMatchObject({ code: 'usage', message: 'unknown command "toString"' });
});

test.each(['{"command": \n', 'null\n', '[]\n', '{"command":"greet","argument":7}\n', `${'x'.repeat(10_000)}\n`])('lives on after a line that it does not understand: %.20s', async (line) => {
  expect(await say(line)).toMatchObject({ ok: false });
  expect(await askAdminSocket(path, 'greet', 'again')).toBe('hello again');
});

test('a connection that breaks off is forgotten', async () => {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write('{"comm');
  socket.destroy();
  expect(await askAdminSocket(path, 'greet', 'still')).toBe('hello still');
});

test('says where it looked when nobody is there, and when it cannot be made', async () => {
  const nowhere = join(folder, 'nowhere', 'admin.sock');
  await expect(askAdminSocket(nowhere, 'greet', 'x')).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining(nowhere) });
  await expect(serveAdminSocket(nowhere, {})).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining(nowhere) });
});
