import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDebuginfod } from '../../../src/cli/zastava/debuginfod.ts';
import { debugPath, executablePath } from '../../../src/contract/debug-store.ts';
import { specimen, id } from '../../bytes/small-elf.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-debuginfod-'));
const bytes = specimen({ bits: 64, littleEndian: true });
const buildId = id.toString('hex');
const wrongId = `00${buildId.slice(2)}`;
const server = createDebuginfod([join(folder, 'none'), folder], (error) => expect.unreachable(String(error)));
let url: string;

beforeAll(async () => {
  const put = (path: string, content: Uint8Array | string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  put(debugPath(buildId), bytes);
  put(debugPath(wrongId), bytes);
  put('secret', 'not for everybody');
  mkdirSync(join(folder, '.build-id/ab'));
  symlinkSync(join(folder, 'secret'), join(folder, debugPath(`ab${buildId.slice(2)}`)));
  symlinkSync(join(folder, debugPath(buildId)), join(folder, executablePath(buildId)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test.each(['debuginfo', 'executable'])('gives the %s of a build-id, also from a further folder and through a link', async (artifact) => {
  const answer = await fetch(`${url}/buildid/${buildId}/${artifact}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-debuginfod-size')).toBe(String(bytes.length));
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
});

test('HEAD says the size alone', async () => {
  const answer = await fetch(`${url}/buildid/${buildId}/debuginfo`, { method: 'HEAD' });
  expect(answer.headers.get('content-length')).toBe(String(bytes.length));
});

test.each([
  ['a build-id that it has not', `/buildid/${'12'.repeat(20)}/debuginfo`],
  ['a file under a name that is not its build-id', `/buildid/${wrongId}/debuginfo`],
  ['a link to a file that is no ELF file', `/buildid/ab${buildId.slice(2)}/debuginfo`],
  ['what is not hexadecimal', '/buildid/..%2f..%2fsecret/debuginfo'],
  ['upper case, which debuginfod does not serve', `/buildid/${buildId.toUpperCase()}/debuginfo`],
  ['sources, which it has not', `/buildid/${buildId}/source/main.c`],
  ['any other path', '/secret'],
])('has no %s', async (_, path) => {
  expect((await fetch(url + path)).status).toBe(404);
});

test('answers GET and HEAD only', async () => {
  expect((await fetch(`${url}/buildid/${buildId}/debuginfo`, { method: 'POST' })).status).toBe(405);
});

test('counts what it answered and sent', async () => {
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(/^zastava_debug_responses_total\{code="404"\} 7$/m);
  expect(text).toContain(`zastava_debug_sent_bytes_total ${2 * bytes.length}\n`);
});
