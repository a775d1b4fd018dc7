import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { listRunningPods } from '../../../src/cli/stellaops/running-pods.ts';

let server: Server;
let asked: string[];
let answer: (url: URL) => { status?: number; body: string };

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { status = 200, body } = answer(new URL(request.url ?? '', 'http://x'));
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  asked = [];
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function list(path = ''): Promise<unknown[]> {
  const names: unknown[] = [];
  for await (const { name } of listRunningPods({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, tls: {} })) names.push(name);
  return names;
}
const page = (names: readonly string[], next?: string) => ({ body: JSON.stringify({ metadata: { continue: next }, items: names.map((name) => ({ name })) }) });

test('lists page by page, behind a path, too', async () => {
  answer = (url) => (url.searchParams.get('continue') === 'p2/=' ? page(['c']) : page(['a', 'b'], 'p2/='));
  expect(await list('/k8s/clusters/c-1/')).toEqual(['a', 'b', 'c']);
  expect(asked.map((url) => url.split('?')[0])).toEqual(['/k8s/clusters/c-1/api/v1/pods', '/k8s/clusters/c-1/api/v1/pods']);
});

test('goes on where a list has become too old', async () => {
  answer = (url) => {
    const next = url.searchParams.get('continue');
    if (next === null) return page(['a'], 'old');
    return next === 'old' ? { status: 410, body: JSON.stringify({ kind: 'Status', metadata: { continue: 'newer' } }) } : page(['b']);
  };
  expect(await list()).toEqual(['a', 'b']);
});

test('asks for no page that nobody wants', async () => {
  answer = () => page(['a'], 'more');
  const pods = listRunningPods({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, tls: {} });
  await pods.next();
  await pods.return(undefined);
  expect(asked).toHaveLength(1);
});

test.each([
  ['a refusal, in the words of the API server', { status: 403, body: '{"message":"pods is forbidden"}' }, '403: pods is forbidden'],
  ['an answer that is not JSON', { status: 502, body: '<html>' }, 'its answer is not JSON (502)'],
  ['a list that is too old at its beginning', { status: 410, body: '{}' }, '410'],
])('says of %s that the API server cannot be asked', async (_, given, said) => {
  answer = () => given;
  await expect(list()).rejects.toMatchObject({ code: 'cluster.unavailable', message: expect.stringContaining(said) });
});
