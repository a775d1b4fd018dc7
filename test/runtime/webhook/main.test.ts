import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { serverLimits } from '../../../src/contract/programs.ts';
import { Backends } from '../../fakes/backends.ts';
import { admissionReview, reviewUid } from '../../fakes/admission-review.ts';
import { KubernetesApiServer } from '../../fakes/kubernetes-api.ts';
import { RuntimeProgram, sampleConfig, testCertificate, tlsDir } from '../../fakes/runtime-program.ts';
import { TestPki, writeMounts } from '../../fakes/test-pki.ts';
import { answerOf, openReview, postReview } from '../../fakes/webhook-client.ts';

const open = (port: number, options: RequestOptions = {}) => openReview(port, { ca: testCertificate, ...options });
const post = (port: number, body: string, options: RequestOptions = {}) => postReview(port, body, { ca: testCertificate, ...options });

const review = JSON.stringify(admissionReview());

/** A Pod of one image, by digest. */
function reviewOf(name: string, request: object = {}) {
  return admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { containers: [{ name: 'a', image: `registry.internal/${name}@sha256:${'a'.repeat(64)}` }] } }, ...request });
}

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

  let backends: Backends;

  beforeAll(async () => {
    backends = await Backends.start();
    backends.scanner.options = { judge: (image) => (image.includes('unsigned') ? { policyVerdict: 'fail', reasons: ['no signature'] } : { policyVerdict: 'pass' }) };
    webhook = new RuntimeProgram('webhook', backends.program());
    await webhook.line('ready');
    await webhook.line('Issued runtime OpTok');
    port = await webhook.port('admission');
    telemetry = `http://127.0.0.1:${await webhook.port('telemetry')}`;
  });
  afterAll(async () => {
    await webhook[Symbol.asyncDispose]();
    await backends[Symbol.asyncDispose]();
  });

  test('is ready when a handshake with itself passes', async () => {
    expect(await (await fetch(`${telemetry}/readyz`)).json()).toEqual({ ready: true, reasons: [] });
  });

  test('allows what policy passes and denies what it fails, over one kept-alive TLS connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: testCertificate });
    const sockets = new Set();
    for (const [image, allowed] of [['signed', true], ['unsigned', false], ['signed', true]] as const) {
      const request = open(port, { agent });
      request.on('socket', (socket) => sockets.add(socket));
      request.end(JSON.stringify(reviewOf(image)));
      const { status, headers, body } = await answerOf(request);
      expect([status, headers['content-type'], headers.connection]).toEqual([200, 'application/json', 'keep-alive']);
      expect(body).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: reviewUid, allowed } });
      if (!allowed) expect(body).toMatchObject({ response: { status: { code: 403, message: expect.stringContaining('no signature') } } });
    }
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  test('logs the decision record in one line, for `jq .decision`', async () => {
    await post(port, JSON.stringify(reviewOf('unsigned', { uid: 'for-the-log' })));
    const line = await webhook.eventually(({ admissionId, scope }) => admissionId === 'for-the-log' && scope === 'admission.decision');
    expect(line).toMatchObject({ level: 'info', component: 'webhook', namespace: 'payments', decision: 'deny', podSpecDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
  });

  test('invalidate-op-token drops the token of the running program, and says for whom it spoke', async () => {
    const asked = backends.authority.tokenRequests;
    const command = (audience: string) => new RuntimeProgram('webhook', { flags: ['invalidate-op-token', '--audience', audience], config: null, env: { ZASTAVA_SCRATCH_DIR: webhook.folder } });
    const done = command('scanner');
    expect([await done.exit(), done.stderr]).toEqual([0, '']);
    expect(done.stdout).toMatch(/^dropped the OpTok for scanner in the pod \S+; another is being fetched/);
    await post(port, JSON.stringify(reviewOf('fresh')));
    expect(backends.authority.tokenRequests).toBeGreaterThan(asked);
    const unknown = command('billing');
    expect(await unknown.exit()).toBe(2);
    expect(unknown.stderr).toContain('its audience is scanner');
    expect(statSync(join(webhook.folder, 'admin.sock')).mode & 0o777).toBe(0o600);
  });

  test('answers before the time that the API server gives, and says what it was waiting for', async () => {
    backends.scanner.options = { ...backends.scanner.options, delayMs: 3000 };
    const start = performance.now();
    const { body } = await post(port, JSON.stringify(reviewOf('slow')), { path: '/validate?timeout=2s' });
    expect(performance.now() - start).toBeLessThan(2000);
    expect(body).toMatchObject({ response: { allowed: false, status: { message: expect.stringMatching(/time/) } } });
    backends.scanner.options = { ...backends.scanner.options, delayMs: 0 };
  });

  test('answers what is no review with 400 and every problem, never with an AdmissionReview', async () => {
    const wrongVersion = await post(port, JSON.stringify(admissionReview({ uid: '' }, { apiVersion: 'admission.k8s.io/v1beta1' })));
    expect([wrongVersion.status, wrongVersion.headers['content-type']]).toEqual([400, 'application/problem+json']);
    expect((wrongVersion.body['problems'] as { where: string }[]).map(({ where }) => where)).toEqual(['apiVersion', 'request.uid']);
    const broken = await post(port, '{"apiVersion": ');
    expect([broken.status, broken.body['detail']]).toEqual([400, 'the body is not JSON in UTF-8; expected an AdmissionReview']);
    for (const { body } of [wrongVersion, broken]) expect(body).not.toHaveProperty('response');
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
    for (const { name } of [catalogue.decisions, catalogue.tokenExpiry, catalogue.keyInfo, catalogue.backendLatency, catalogue.inflightBytes, catalogue.failOpenNamespaces]) expect(names.map((metric) => metric.name)).toContain(name);
    expect(body).toMatch(/^zastava_admission_decisions_total\{decision="deny",mode="\w+",reason="policy\.fail",cluster="edge-1",site="hamburg"\} [1-9]\d*$/m);
    expect(body).toMatch(/^zastava_certificate_not_after_timestamp_seconds\{certificate="webhookServing",cluster="edge-1",site="hamburg"\} \d+$/m);
  });
});

test('a log that nobody reads holds up no answer', async () => {
  await using webhook = new RuntimeProgram('webhook');
  await webhook.line('ready');
  const port = await webhook.port('admission');
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: testCertificate });
  webhook.readOutput(false);
  // Some hundred bytes of log each: more than the pipe and its reader hold.
  for (let round = 0; round < 100; round++) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(port, review, { agent })));
    for (const { status } of answers) expect(status).toBe(200);
  }
  webhook.readOutput(true);
  await expect.poll(() => webhook.lines.filter(({ scope }) => scope === 'admission.decision').length, { timeout: 30_000 }).toBe(1000);
  agent.destroy();
});

test('a certificate that ends while it is in use: not ready, with the reason', async () => {
  const pki = await TestPki.make();
  const { cert, key } = await pki.server(['zastava-webhook.stellaops.svc'], 3 / 3600);
  const config = JSON.stringify({ zastava: { ...sampleConfig.zastava, webhook: { tls: { mode: 'secret', caBundle: pki.ca } } } });
  const folder = writeMounts(mkdtempSync(join(tmpdir(), 'zastava-ended-')), { 'tls.crt': cert, 'tls.key': key });
  try {
    await using webhook = new RuntimeProgram('webhook', { config, env: { ZASTAVA_TLS_DIR: folder } });
    await webhook.line('ready');
    expect(await webhook.line('not ready: the API server could not connect')).toMatchObject({ level: 'error', reason: expect.stringContaining('CERT_HAS_EXPIRED') });
    const { status } = await fetch(`http://127.0.0.1:${await webhook.port('telemetry')}/readyz`);
    expect(status).toBe(503);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 30_000);

test('a mistake in a corner that nobody foresaw is logged and ends nothing', async () => {
  const stray = "process.on('SIGUSR2', () => { void Promise.reject(new Error('stray rejection')); throw new Error('stray exception'); })";
  await using webhook = new RuntimeProgram('webhook', { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(stray)}` } });
  await webhook.line('ready');
  webhook.signal('SIGUSR2');
  for (const message of ['stray exception', 'stray rejection']) {
    const line = await webhook.eventually(({ error }) => (error as { message?: string } | undefined)?.message === message);
    expect(line).toMatchObject({ level: 'error', scope: 'program', msg: 'a mistake of ours; the program goes on' });
  }
  expect((await post(await webhook.port('admission'), review)).status).toBe(200);
  webhook.signal('SIGTERM');
  expect(await webhook.exit()).toBe(0);
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

describe('a webhook that asks the cluster for its certificate', () => {
  let backends: Backends;
  let cluster: KubernetesApiServer;
  const csr = (autoApprove = false) => {
    const { config, env } = backends.program({ tls: { mode: 'csr', signerName: 'example.com/webhooks', autoApprove, caBundle: backends.pki.ca } });
    return { config, env: { ...env, ...cluster.env() } };
  };
  beforeAll(async () => {
    backends = await Backends.start();
    cluster = await KubernetesApiServer.start(backends.pki);
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await backends[Symbol.asyncDispose]();
  });

  test('is alive and not ready until the signer has given it, then serves', async () => {
    let signed = false;
    cluster.treat = (request) => (signed ? cluster.sign(request) : undefined);
    await using webhook = new RuntimeProgram('webhook', csr());
    const telemetry = `http://127.0.0.1:${await webhook.port('telemetry')}`;
    const line = await webhook.eventually(({ msg }) => String(msg).startsWith('certificate requested'));
    expect(line['msg']).toContain(`kubectl certificate approve ${[...cluster.requests.keys()].join()}`);
    expect((await fetch(`${telemetry}/healthz`)).status).toBe(200);
    const unready = await fetch(`${telemetry}/readyz`);
    expect([unready.status, await unready.json()]).toEqual([503, { ready: false, reasons: ['certificate: waiting for the signer', 'starting'] }]);
    signed = true;
    await webhook.line('ready');
    const options = { ca: backends.pki.ca, servername: 'zastava-webhook.stellaops.svc' };
    expect((await post(await webhook.port('admission'), JSON.stringify(reviewOf('signed')), options)).body).toMatchObject({ response: { allowed: true } });
    expect((await fetch(`${telemetry}/readyz`)).status).toBe(200);
    expect(webhook.stdout).not.toContain('PRIVATE KEY');
  });

  test('ends on SIGTERM while it waits', async () => {
    cluster.treat = () => {};
    await using webhook = new RuntimeProgram('webhook', csr(true));
    await webhook.line('certificate requested and approved; waiting for the signer');
    webhook.signal('SIGTERM');
    expect(await webhook.exit()).toBe(0);
    expect(webhook.lines.map(({ msg }) => msg)).not.toContain('ready');
  });
});

describe('a webhook that cannot serve', () => {
  test('in mode csr it needs an API server to ask', async () => {
    const { zastava } = sampleConfig;
    const config = JSON.stringify({ zastava: { ...zastava, webhook: { tls: { mode: 'csr', signerName: 'example.com/webhooks', caBundle: testCertificate } } } });
    expect(await failureOf({ config })).toMatchObject({ code: 3, line: { code: 'environment', msg: expect.stringContaining('ServiceAccount token') } });
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
