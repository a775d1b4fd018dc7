import { afterAll, beforeAll, expect, test } from 'vitest';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { createHealthServer } from '../../../src/runtime/telemetry/health.ts';
import { closeServer, listen } from '../../../src/runtime/telemetry/servers.ts';

const unready = new Set(['starting', 'draining']);
const server = createHealthServer(unready, new Metrics('observer', {}));
let base: string;

beforeAll(async () => {
  base = `http://127.0.0.1:${await listen(server, 0)}`;
});
afterAll(() => closeServer(server, 0));

test('says every reason why it is not ready, then that it is', async () => {
  const before = await fetch(`${base}/readyz`);
  expect([before.status, await before.json()]).toEqual([503, { ready: false, reasons: ['draining', 'starting'] }]);
  unready.clear();
  const after = await fetch(`${base}/readyz`);
  expect([after.status, await after.json()]).toEqual([200, { ready: true, reasons: [] }]);
});

test('answers HEAD like GET without a body, and ignores a query', async () => {
  const answer = await fetch(`${base}/healthz?probe=1`, { method: 'HEAD' });
  expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '15', '']);
});

test('refuses other methods and other paths', async () => {
  const post = await fetch(`${base}/healthz`, { method: 'POST' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect((await fetch(`${base}/debug`)).status).toBe(404);
});

test('a port in use is an error that says what to do', async () => {
  const port = Number(new URL(base).port);
  await expect(listen(createHealthServer(unready, new Metrics('observer', {})), port)).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining(`cannot listen on port ${port}`) });
});
