import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { serverLimits } from '../../../src/contract/programs.ts';
import { admissionReview, reviewUid } from '../../fakes/admission-review.ts';
import { RuntimeProgram, sampleConfig, testCertificate, tlsDir } from '../../fakes/runtime-program.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: { readonly [key: string]: unknown };
}

function open(port: number, options: RequestOptions = {}) {
  const headers = { 'content-type': 'application/json', ...options.headers };
  return httpsRequest({ host: '127.0.0.1', port, path: '/validate?timeout=5s', method: 'POST', ca: testCertificate, ...options, headers });
}

async function answerOf(request: ReturnType<typeof open>): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(await text(response)) as Answer['body'] };
}

function post(port: number, body: string, options: RequestOptions = {}): Promise<Answer> {
  const request = open(port, options);
  request.end(body);
  return answerOf(request);
}

const review = JSON.stringify(admissionReview());

/** Runs a webhook that ends by itself. */
async function failureOf(options: ConstructorParameters<typeof RuntimeProgram>[1]) {
  const webhook = new RuntimeProgram('webhook', options);
  return { code: await webhook.exit(), line: JSON.parse(webhook.stderr) as Record<string, unknown> };
}

/** A webhook, and a request to it of which half the body is sent. */
async function halfway(env: Record<string, string> = {}) {
  const webhook = new RuntimeProgram('webhook', { env });
  await webhook.line('ready');
  const port = await webhook.port('admission');
  const request = open(port, { headers: { 'content-length': String(Buffer.byteLength(review)), expect: '100-continue' } });
  request.flushHeaders();
  await once(request, 'continue');
  request.write(review.slice(0, 100));
  return { webhook, port, request };
}

describe('a running webhook', () => {
  let webhook: RuntimeProgram;
  let port: number;
  let telemetry: string;

  beforeAll(async () => {
    webhook = new RuntimeProgram('webhook');
    await webhook.line('ready');
    port = await webhook.port('admission');
    telemetry = `http://127.0.0.1:${await webhook.port('telemetry')}`;
  });
  afterAll(async () => webhook[Symbol.asyncDispose]());

  test('is ready, and warns that it denies everything', async () => {
    expect((await fetch(`${telemetry}/readyz`)).status).toBe(200);
    expect(await webhook.line('policy client not configured: every Pod is denied')).toMatchObject({ level: 'warn' });
  });

  test('denies a Pod over one kept-alive TLS connection, with its uid and a message for people', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: testCertificate });
    const sockets = new Set();
    for (let turn = 0; turn < 3; turn++) {
      const request = open(port, { agent });
      request.on('socket', (socket) => sockets.add(socket));
      request.end(review);
      const { status, headers, body } = await answerOf(request);
      expect([status, headers['content-type'], headers.connection]).toEqual([200, 'application/json', 'keep-alive']);
      expect(body).toEqual({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid: reviewUid, allowed: false, status: { code: 403, reason: 'Forbidden', message: expect.stringContaining('policy client not configured') } },
      });
    }
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  test('logs the decision record in one line, for `jq .decision`', async () => {
    await post(port, JSON.stringify(admissionReview({ uid: 'for-the-log' })));
    const line = webhook.lines.find(({ admissionId }) => admissionId === 'for-the-log');
    expect(line).toMatchObject({
      level: 'info', component: 'webhook', scope: 'admission.decision', namespace: 'payments', decision: 'deny', mode: 'enforced', ttlSeconds: 0,
      podSpecDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect((line!['images'] as { policyVerdict: string }[]).map(({ policyVerdict }) => policyVerdict)).toEqual(['error', 'error', 'error', 'error']);
  });

  test('answers what is no review with 400 and every problem, never with an AdmissionReview', async () => {
    const wrongVersion = await post(port, JSON.stringify(admissionReview({ uid: '' }, { apiVersion: 'admission.k8s.io/v1beta1' })));
    expect([wrongVersion.status, wrongVersion.headers['content-type']]).toEqual([400, 'application/problem+json']);
    expect((wrongVersion.body['problems'] as { where: string }[]).map(({ where }) => where)).toEqual(['apiVersion', 'request.uid']);
    const broken = await post(port, '{"apiVersion": ');
    expect([broken.status, broken.body['detail']]).toEqual([400, 'the body is not JSON in UTF-8; expected an AdmissionReview']);
    for (const { body } of [wrongVersion, broken]) expect(body).not.toHaveProperty('response');
  });

  test('a review that breaks it is answered 500, logged, and it goes on', async () => {
    const surrogate = review.replace('busybox', '\\ud800');
    expect((await post(port, surrogate)).status).toBe(500);
    expect(await webhook.line('review failed')).toMatchObject({ level: 'error', scope: 'admission.review' });
    expect((await post(port, review)).status).toBe(200);
  });

  test('refuses another path, another method and another content type', async () => {
    expect((await post(port, review, { path: '/mutate' })).status).toBe(404);
    const get = await post(port, '', { method: 'GET' });
    expect([get.status, get.headers.allow]).toEqual([405, 'POST']);
    expect((await post(port, review, { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await post(port, review, { headers: { 'content-type': 'application/json; charset=utf-8' } })).status).toBe(200);
  });

  test('takes a body of exactly the limit and refuses one byte more', async () => {
    const { bodyBytesMax } = serverLimits;
    expect((await post(port, review.padEnd(bodyBytesMax, ' '))).status).toBe(200);
    const refused = await post(port, review.padEnd(bodyBytesMax + 1, ' '));
    expect([refused.status, refused.headers.connection]).toEqual([413, 'close']);
  });

  test('speaks HTTP/1.1 only, and no TLS older than 1.2', async () => {
    const offered = connect({ host: '127.0.0.1', port, ca: testCertificate, ALPNProtocols: ['h2', 'http/1.1'] });
    await once(offered, 'secureConnect');
    expect(offered.alpnProtocol).toBe('http/1.1');
    offered.destroy();
    const old = connect({ host: '127.0.0.1', port, ca: testCertificate, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    const [refusal] = (await once(old, 'error')) as [NodeJS.ErrnoException];
    expect(refusal.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  test('shows only metrics of the catalogue, all with the common tags', async () => {
    await post(port, review);
    const body = await (await fetch(`${telemetry}/metrics`)).text();
    const names = [...body.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map((match) => ({ name: match[1], type: match[2] }));
    const known = Object.values(catalogue).map(({ name, type }) => ({ name, type }));
    for (const metric of names) expect(known).toContainEqual(metric);
    expect(names.map(({ name }) => name).toSorted()).toEqual([
      catalogue.admissionDuration.name, catalogue.decisions.name, catalogue.buildInfo.name, catalogue.certificateNotAfter.name,
    ].toSorted());
    expect(body).toMatch(/^zastava_admission_decisions_total\{decision="deny",mode="enforced",reason="policy\.unconfigured",cluster="edge-1",site="hamburg"\} [1-9]\d*$/m);
    expect(body).toContain(`zastava_certificate_not_after_timestamp_seconds{certificate="webhookServing",cluster="edge-1",site="hamburg"} ${Date.UTC(2120, 0, 1) / 1000}`);
  });
});

describe('the end of a webhook', () => {
  test('on SIGTERM it is not ready, takes no new connection, finishes the request in flight and exits 0', async () => {
    const { webhook, port, request } = await halfway();
    await using _ = webhook;
    const telemetry = await webhook.port('telemetry');
    webhook.signal('SIGTERM');
    await webhook.line('draining');
    const ready = await fetch(`http://127.0.0.1:${telemetry}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reasons: ['draining'] }]);
    await expect(post(port, review, { agent: false })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    request.end(review.slice(100));
    const { status, headers, body } = await answerOf(request);
    expect([status, headers.connection]).toEqual([200, 'close']);
    expect(body).toMatchObject({ response: { uid: reviewUid, allowed: false } });
    expect(await webhook.exit()).toBe(0);
    expect(webhook.lines.at(-1)).toMatchObject({ msg: 'stopped' });
  });

  test('while it drains it still answers new connections, and asks each to close', async () => {
    const { webhook, port, request } = await halfway({ ZASTAVA_DRAIN_SECONDS: '1' });
    await using _ = webhook;
    webhook.signal('SIGTERM');
    await webhook.line('draining');
    const { status, headers } = await post(port, review, { agent: false });
    expect([status, headers.connection]).toEqual([200, 'close']);
    request.end(review.slice(100));
    expect((await answerOf(request)).status).toBe(200);
    expect(await webhook.exit()).toBe(0);
  });

  test('an idle kept-alive connection does not hold it up', async () => {
    await using webhook = new RuntimeProgram('webhook');
    await webhook.line('ready');
    const agent = new Agent({ keepAlive: true });
    const { headers } = await post(await webhook.port('admission'), review, { agent });
    expect(headers.connection).toBe('keep-alive');
    webhook.signal('SIGTERM');
    expect(await webhook.exit()).toBe(0);
    expect(webhook.lines.map(({ msg }) => msg)).not.toContain('connections still open were cut off');
    agent.destroy();
  });

  test('a second signal ends it at once, request in flight or not', async () => {
    const { webhook, request } = await halfway();
    await using _ = webhook;
    const broken = once(request, 'error');
    webhook.signal('SIGTERM');
    await webhook.line('draining');
    webhook.signal('SIGTERM');
    expect(await webhook.exit()).toBe(3);
    expect(await broken).toBeDefined();
  });
});

describe('a webhook that cannot serve', () => {
  test('refuses the mode csr, which it cannot do yet', async () => {
    const { zastava } = sampleConfig;
    const config = JSON.stringify({ zastava: { ...zastava, webhook: { tls: { mode: 'csr', signerName: 'example.com/webhooks', caBundle: testCertificate } } } });
    expect(await failureOf({ config })).toMatchObject({ code: 3, line: { code: 'environment', msg: expect.stringContaining('"csr"') } });
  });

  test('refuses a certificate that is missing, broken, or not of its key, and shows no part of a key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zastava-tls-'));
    const env = { ZASTAVA_TLS_DIR: folder };
    expect(await failureOf({ env })).toMatchObject({ code: 3, line: { code: 'environment', msg: expect.stringContaining('tls.crt') } });

    writeFileSync(join(folder, 'tls.crt'), testCertificate);
    writeFileSync(join(folder, 'tls.key'), '-----BEGIN PRIVATE KEY-----\nc3RyYXk=\n-----END PRIVATE KEY-----\n');
    const broken = await failureOf({ env });
    expect(broken).toMatchObject({ code: 3, line: { msg: expect.stringContaining('not an unencrypted private key') } });
    expect(JSON.stringify(broken.line)).not.toContain('c3RyYXk');

    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(folder, 'tls.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(await failureOf({ env })).toMatchObject({ code: 3, line: { msg: expect.stringContaining('is not the key of the certificate') } });
    rmSync(folder, { recursive: true });
  });

  test('says so when its port is taken', async () => {
    await using first = new RuntimeProgram('webhook');
    await first.line('ready');
    const port = await first.port('admission');
    expect(await failureOf({ env: { ZASTAVA_WEBHOOK_PORT: String(port), ZASTAVA_TLS_DIR: tlsDir } })).toMatchObject({ code: 3, line: { code: 'environment', msg: expect.stringContaining(`port ${port}`) } });
  });
});
