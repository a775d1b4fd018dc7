import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { openAuthority } from '../../../src/runtime/authority/open-authority.ts';
import { bearerOpTok, type OpTok } from '../../../src/runtime/authority/op-tok.ts';
import type { PolicyAnswer } from '../../../src/runtime/scanner/policy.ts';
import { openScanner, type Scanner } from '../../../src/runtime/scanner/open-scanner.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { AuthorityServer } from '../../fakes/authority-server.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';
import { runtimeValues } from '../../fakes/runtime-values.ts';
import { ScannerServer, type ScannerOptions } from '../../fakes/scanner-server.ts';
import { makeDpopJwk, TestPki, writeMounts } from '../../fakes/test-pki.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-scanner-'));
const image = `registry.internal/a@sha256:${'a'.repeat(64)}`;
const other = `registry.internal/b@sha256:${'b'.repeat(64)}`;
const question = { namespace: 'payments', labels: { app: 'api' }, images: [image] };
const soon = (ms = 5000): number => performance.now() + ms;
let pki: TestPki;
let mounts: string;

beforeAll(async () => {
  pki = await TestPki.make();
  const client = await pki.client();
  mounts = writeMounts(folder, { 'dpop/jwk.json': makeDpopJwk().text, 'mtls/tls.crt': client.cert, 'mtls/tls.key': client.key, 'mtls/ca.crt': pki.ca });
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Opened extends AsyncDisposable {
  readonly scanner: Scanner;
  /** Of the proofs that were made. */
  readonly nonces: (string | undefined)[];
  /** The client certificate becomes another. */
  renew(): Promise<void>;
  readonly server: ScannerServer;
  readonly metrics: Metrics;
  readonly dropped: number;
}

/** With a token that anybody takes, so that Scanner alone is looked at. */
async function opened(options: ScannerOptions = {}, backend: object = {}): Promise<Opened> {
  const server = await ScannerServer.start(pki, options);
  const metrics = new Metrics('webhook', {});
  let dropped = 0;
  const nonces: (string | undefined)[] = [];
  const issue = (name: string): OpTok => {
    const token = bearerOpTok(name, new Date(Date.now() + 60_000), 'authority');
    return { ...token, authorize: (request) => (nonces.push(request.nonce), token.authorize(request)) };
  };
  let token = issue('token-0');
  const tokens = { get: async () => token, drop: () => ((token = issue(`token-${++dropped}`)), true) };
  const present = async (fingerprint: string) => ({ ...(await pki.client()), ca: pki.ca, fingerprint, notAfter: new Date() });
  let tls = await present('first');
  const scanner = openScanner({ backend: runtimeValues({ backend: { baseAddress: server.baseAddress, ...backend } }).backend, authority: { tokens, clientTls: () => tls }, metrics, component: 'webhook' });
  return {
    scanner, server, metrics, nonces,
    get dropped() { return dropped; },
    renew: async () => {
      tls = await present('second');
    },
    [Symbol.asyncDispose]: async () => {
      await scanner.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const outcomes = async (metrics: Metrics): Promise<string[]> => (await metrics.render()).body.split('\n').filter((line) => line.startsWith(`${catalogue.backendLatency.name}_count`));

test('asks with namespace, labels and images, and gives verdicts by the image as sent', async () => {
  await using it = await opened({ judge: () => ({ policyVerdict: 'warn', reasons: ['old'], buildIds: ['ab'] }) });
  const answer: PolicyAnswer = await it.scanner.ask({ ...question, images: [image, other] }, soon());
  expect(it.server.questions).toEqual([{ ...question, images: [image, other] }]);
  expect(answer).toMatchObject({ ttlSeconds: 300, policyRevision: 'rev-1' });
  expect(answer.results.get(other)).toEqual({ policyVerdict: 'warn', signed: false, hasSbomReferrers: true, reasons: ['old'], buildIds: ['ab'] });
  expect(await outcomes(it.metrics)).toEqual([expect.stringMatching(/endpoint="policy",outcome="ok".* 1$/)]);
});

test('keeps its connection, and counts answers without build-ids', async () => {
  await using it = await opened();
  for (let turn = 0; turn < 5; turn++) await it.scanner.ask(question, soon());
  expect(it.server.connections).toBeLessThanOrEqual(2);
  expect((await it.metrics.render()).body).toMatch(new RegExp(`${catalogue.policyWithoutBuildIds.name}\\{component="webhook"\\} 5`));
});

test('shows a new client certificate from the next call on', async () => {
  await using it = await opened();
  const shown: number[] = [];
  for (const renewed of [false, false, true, false]) {
    if (renewed) await it.renew();
    await it.scanner.ask(question, soon());
    shown.push(it.server.clients.size);
  }
  expect(shown).toEqual([1, 1, 2, 2]);
});

test('proves with the last nonce that any answer had', async () => {
  let turn = 0;
  await using it = await opened({ answer: () => ({ status: 403, headers: { 'dpop-nonce': `n-${++turn}` } }) });
  for (let asked = 0; asked < 3; asked++) await expect(it.scanner.ask(question, soon())).rejects.toMatchObject({ code: 'scanner.rejected' });
  expect(it.nonces).toEqual([undefined, 'n-1', 'n-2']);
});

test('speaks plain HTTP where the values allow it', async () => {
  const server = createServer((_, response) => response.end(JSON.stringify({ ttlSeconds: 1, expiresAtUtc: '2036-01-01T00:00:00Z', policyRevision: 'r', results: { [image]: { policyVerdict: 'fail', signed: false, hasSbomReferrers: false } } })));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await using it = await opened({}, { baseAddress: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, allowInsecureHttp: true });
    expect((await it.scanner.ask(question, soon())).results.get(image)).toEqual({ policyVerdict: 'fail', signed: false, hasSbomReferrers: false, reasons: [] });
  } finally {
    server.close();
  }
});

describe('fails with a code, and with the outcome in the metric,', () => {
  const good = { policyVerdict: 'pass', signed: true, hasSbomReferrers: true, reasons: [] };
  const answerOf = (results: object, rest: object = {}): string => JSON.stringify({ ttlSeconds: 1, expiresAtUtc: '2026-01-01T00:00:00Z', policyRevision: 'r', results, ...rest });
  const cases: readonly (readonly [string, ScannerOptions['answer'], string, RegExp, string])[] = [
    ['for 500', () => ({ status: 500, body: '{"title":"broken"}' }), 'scanner.unavailable', /500: broken/, 'failed'],
    ['for 400', () => ({ status: 400, body: '{"title":"no"}' }), 'scanner.rejected', /400: no/, 'rejected'],
    ['for 403', () => ({ status: 403 }), 'scanner.rejected', /403/, 'unauthorized'],
    ['for 429', () => ({ status: 429, headers: { 'retry-after': '600' } }), 'scanner.throttled', /429/, 'throttled'],
    ['for a redirect, which is not followed', () => ({ status: 302, headers: { location: 'https://localhost:1/' } }), 'scanner.rejected', /302/, 'failed'],
    ['for no answer', () => 'hang', 'scanner.timeout', /time that was left/, 'timeout'],
    ['for an answer that stops', () => 'stall', 'scanner.timeout', /time that was left/, 'timeout'],
    ['for a refusal that sends the token back, which is not told on', ({ path }) => ({ status: 400, body: JSON.stringify({ title: `no: ${'Zm9v'.repeat(40)} at ${path}` }) }), 'scanner.rejected', /^Scanner answered 400: no: … at \/api/, 'rejected'],
    ['for half an answer', () => 'cut', 'scanner.unavailable', /cannot be reached/, 'failed'],
    ['for a huge answer', () => ({ status: 200, body: 'x'.repeat(5_000_000) }), 'scanner.answer-invalid', /larger than/, 'failed'],
    ['for bad JSON', () => ({ status: 200, body: '{"ttl' }), 'scanner.answer-invalid', /JSON in UTF-8/, 'ok'],
    ['for a verdict that is missing', () => ({ status: 200, body: answerOf({}) }), 'scanner.answer-invalid', /a verdict on registry\.internal\/a@/, 'ok'],
    ['for a verdict on another image', () => ({ status: 200, body: answerOf({ [image]: good, [other]: good }) }), 'scanner.answer-invalid', /1 on other images/, 'ok'],
    ['for an unknown verdict', () => ({ status: 200, body: answerOf({ [image]: { ...good, policyVerdict: 'PASS' } }) }), 'scanner.answer-invalid', /policyVerdict: expected "pass" or/, 'ok'],
    ['for an answer without times, all problems at once', () => ({ status: 200, body: answerOf({ [image]: { ...good, signed: 'yes' } }, { ttlSeconds: null, expiresAtUtc: 'x' }) }), 'scanner.answer-invalid', /ttlSeconds.*expiresAtUtc.*signed/, 'ok'],
  ];
  test.each(cases)('%s', async (_, answer, code, message, outcome) => {
    await using it = await opened({ ...(answer && { answer }) });
    await expect(it.scanner.ask(question, soon(800))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect((await outcomes(it.metrics)).join()).toContain(`outcome="${outcome}"`);
  });

  test('when nobody listens', async () => {
    await using it = await opened({}, { baseAddress: 'https://localhost:1' });
    await expect(it.scanner.ask(question, soon(800))).rejects.toMatchObject({ code: 'scanner.unavailable', message: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('asks once more', () => {
  test('after 503, when the time allows it', async () => {
    let asked = 0;
    await using it = await opened({ answer: () => (++asked === 1 ? { status: 503 } : undefined) });
    await it.scanner.ask(question, soon());
    expect(asked).toBe(2);
  });

  test('not when no time is left for it', async () => {
    let asked = 0;
    await using it = await opened({ answer: () => (++asked === 1 ? { status: 503 } : undefined) });
    await expect(it.scanner.ask(question, soon(200))).rejects.toMatchObject({ code: 'scanner.unavailable' });
    expect(asked).toBe(1);
  });

  test.each([['0', 2], ['600', 1]])('after 429 with Retry-After %s: %i in all', async (retryAfter, all) => {
    let asked = 0;
    await using it = await opened({ answer: () => (asked++, { status: 429, headers: { 'retry-after': retryAfter } }) });
    await expect(it.scanner.ask(question, soon())).rejects.toMatchObject({ code: 'scanner.throttled' });
    expect(asked).toBe(all);
  });

  test('not after a refusal', async () => {
    let asked = 0;
    await using it = await opened({ answer: () => (asked++, { status: 422 }) });
    await expect(it.scanner.ask(question, soon())).rejects.toMatchObject({ code: 'scanner.rejected' });
    expect(asked).toBe(1);
  });

  test('with a new token after 401', async () => {
    let asked = 0;
    await using it = await opened({ answer: () => (++asked === 1 ? { status: 401 } : undefined) });
    await it.scanner.ask(question, soon());
    expect([asked, it.dropped]).toEqual([2, 1]);
  });

  test('with one new token however many calls are refused, and with none when that is refused, too', async () => {
    let asked = 0;
    await using it = await opened({ answer: () => (asked++, { status: 401 }) });
    await Promise.all(Array.from({ length: 8 }, () => expect(it.scanner.ask(question, soon())).rejects.toMatchObject({ code: 'scanner.rejected' })));
    expect(it.dropped).toBe(1);
    asked = 0;
    await expect(it.scanner.ask(question, soon())).rejects.toMatchObject({ code: 'scanner.rejected' });
    expect([asked, it.dropped]).toEqual([1, 1]);
  });

  test('what is sent is never sent twice by itself', async () => {
    let asked = 0;
    await using it = await opened({ answer: () => (asked++, { status: 503 }) });
    expect((await it.scanner.send({ endpoint: 'events', url: new URL(it.server.baseAddress), body: '{}', deadlineAt: soon() })).status).toBe(503);
    expect(asked).toBe(1);
  });
});

test('with a real Authority: Scanner accepts token, proof, nonce and certificate; a token that it no longer knows is replaced', async () => {
  await using authorityServer = await AuthorityServer.start(pki);
  await using server = await ScannerServer.start(pki, { jwks: authorityServer.jwks, nonce: 'scanner-nonce' });
  const runtime = runtimeValues({ authority: { issuer: authorityServer.issuer }, backend: { baseAddress: server.baseAddress } });
  const [log, metrics] = [new RecordedLog(), new Metrics('webhook', {})];
  const authority = await openAuthority({ runtime, mounts, log: log.log, metrics });
  const scanner = openScanner({ backend: runtime.backend, authority, metrics, component: 'webhook' });
  try {
    expect((await scanner.ask(question, soon())).results.size).toBe(1);
    await scanner.ask(question, soon());
    // Only the first call learns of the nonce.
    expect((await outcomes(metrics)).sort()).toEqual([expect.stringMatching(/outcome="ok".* 2$/), expect.stringMatching(/outcome="unauthorized".* 1$/)]);
    const before = authorityServer.tokenRequests;
    let refused = false;
    server.options = { ...server.options, answer: () => (refused ? undefined : ((refused = true), { status: 401, headers: { 'www-authenticate': 'DPoP error="invalid_token"' } })) };
    await scanner.ask(question, soon());
    expect(authorityServer.tokenRequests).toBeGreaterThan(before);
  } finally {
    await scanner.close();
    await authority.close();
  }
});
