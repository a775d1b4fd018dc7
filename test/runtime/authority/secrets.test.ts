/**
 * No part of a secret leaves the programs: everything that they write, as they run, when they are refused and when they crash,
 * is searched for each secret, its other spellings, and every piece of eight characters.
 */
import { createPrivateKey } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Backends } from '../../fakes/backends.ts';
import { admissionReview } from '../../fakes/admission-review.ts';
import { RuntimeProgram, testCertificate } from '../../fakes/runtime-program.ts';

const pieceCharacters = 8;
const staticToken = 'Zq7wRt2YpLmN8vXc4KdB9sHf3TgJ';
let backends: Backends;
let mounts: string;
const written: string[] = [];

/** A mistake of ours, of the worst kind: on SIGUSR2 an error is thrown that has all that was sent and received in it, on SIGUSR1 a promise fails with it. */
const mistake = `
import { subscribe } from 'node:diagnostics_channel';
const seen = [];
subscribe('undici:request:create', ({ request }) => seen.push(...request.headers, String(request.body)));
subscribe('undici:request:bodyChunkReceived', ({ chunk }) => seen.push(String(chunk)));
process.on('SIGUSR2', () => { throw Object.assign(new TypeError('a mistake', { cause: new Error('inside', { cause: seen }) }), { seen, options: { headers: seen } }); });
process.on('SIGUSR1', () => { Promise.reject({ toJSON: () => seen, seen }); });
`;

beforeAll(async () => {
  backends = await Backends.start();
  mounts = mkdtempSync(join(tmpdir(), 'zastava-secrets-'));
  cpSync(backends.mounts, mounts, { recursive: true });
  mkdirSync(join(mounts, 'static'));
  writeFileSync(join(mounts, 'static/token'), staticToken);
  writeFileSync(join(mounts, 'mistake.mjs'), mistake);
});
afterAll(async () => {
  await backends[Symbol.asyncDispose]();
  rmSync(mounts, { recursive: true });
});

const fallback = (): object => ({ authority: { issuer: backends.authority.issuer, allowStaticTokenFallback: true } });
const envOf = (env: Record<string, string> = {}) => ({ ...backends.program().env, ZASTAVA_AUTHORITY_DIR: mounts, ...env });
const keep = (program: RuntimeProgram): number => written.push(program.stdout, program.stderr);

async function scrape(program: RuntimeProgram): Promise<void> {
  written.push(await (await fetch(`http://127.0.0.1:${await program.port('telemetry')}/metrics`)).text());
}

/** Of another image each time, so that Scanner is asked. */
async function review(program: RuntimeProgram): Promise<void> {
  const image = `registry.internal/payments/api@sha256:${String(written.length).padStart(64, '0')}`;
  const body = JSON.stringify(admissionReview({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api' }, spec: { containers: [{ name: 'api', image }] } } }));
  const port = await program.port('admission');
  written.push(await new Promise<string>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/validate?timeout=5s', method: 'POST', ca: testCertificate, headers: { 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text));
    });
    asked.on('error', reject).end(body);
  }));
}

test('running, renewing and judging', async () => {
  for (const component of ['observer', 'webhook'] as const) {
    await using program = new RuntimeProgram(component, { config: backends.program({}, fallback()).config, env: envOf() });
    // The observer is ready when containerd is there, too.
    await program.line(component === 'observer' ? 'started' : 'ready');
    await program.line('Issued runtime OpTok');
    if (component === 'webhook') await review(program);
    await scrape(program);
    const command = new RuntimeProgram(component, { flags: ['invalidate-op-token', '--audience', 'scanner'], config: null, env: { ZASTAVA_SCRATCH_DIR: program.folder } });
    expect(await command.exit()).toBe(0);
    keep(command);
    if (component === 'webhook') await review(program);
    await scrape(program);
    keep(program);
  }
  expect(backends.authority.issued.length).toBeGreaterThan(2);
});

test('with Authority down and the fallback in use, and refused by both', async () => {
  backends.authority.options = { intercept: ({ path }) => (path === '/token' ? { status: 503 } : undefined) };
  await using program = new RuntimeProgram('webhook', { config: backends.program({}, fallback()).config, env: envOf() });
  await program.line('static fallback token in use');
  await program.line('ready');
  // Scanner does not know the token, so it is dropped and asked for again; then Authority answers, and says no.
  backends.authority.options = { intercept: ({ path }) => (path === '/token' ? { status: 400, body: '{"error":"invalid_dpop_proof","error_description":"no"}' } : undefined) };
  await review(program);
  await program.line('no OpTok was issued');
  await scrape(program);
  keep(program);
  backends.authority.options = {};
});

test('with keys that cannot be used', async () => {
  const broken = mkdtempSync(join(tmpdir(), 'zastava-broken-'));
  cpSync(mounts, broken, { recursive: true });
  writeFileSync(join(broken, 'dpop/jwk.json'), readFileSync(join(mounts, 'dpop/jwk.json'), 'utf8').replace('"P-256"', '"P-999"'));
  writeFileSync(join(broken, 'mtls/tls.crt'), readFileSync(join(mounts, 'mtls/tls.key'), 'utf8'));
  await using program = new RuntimeProgram('webhook', { config: backends.program().config, env: envOf({ ZASTAVA_AUTHORITY_DIR: broken }) });
  await program.line('ready');
  keep(program);
  // The configuration is a key: a mistake that people make.
  const strayed = new RuntimeProgram('webhook', { config: readFileSync(join(mounts, 'dpop/jwk.json'), 'utf8'), env: envOf() });
  expect(await strayed.exit()).toBe(2);
  keep(strayed);
  rmSync(broken, { recursive: true });
});

test('making mistakes, of which the observer ends and the webhook does not', async () => {
  const options = { config: backends.program().config, env: envOf({ NODE_OPTIONS: `--import=${join(mounts, 'mistake.mjs')}` }) };
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
    await using observer = new RuntimeProgram('observer', options);
    await observer.line('started');
    await observer.line('Issued runtime OpTok');
    observer.signal(signal);
    expect(await observer.exit()).toBe(3);
    expect(JSON.parse(observer.stderr)).toMatchObject({ level: 'fatal', code: 'internal' });
    keep(observer);
  }
  await using webhook = new RuntimeProgram('webhook', options);
  await webhook.line('ready');
  await webhook.line('Issued runtime OpTok');
  await review(webhook);
  for (const [signal, message] of [['SIGUSR1', 'rejected'], ['SIGUSR2', 'a mistake']] as const) {
    webhook.signal(signal);
    await webhook.eventually((line) => JSON.stringify(line['error'] ?? '').includes(message));
  }
  keep(webhook);
});

test('nothing of a secret was written', () => {
  const jwk = JSON.parse(readFileSync(join(mounts, 'dpop/jwk.json'), 'utf8')) as { d: string };
  const tls = createPrivateKey(readFileSync(join(mounts, 'mtls/tls.key'), 'utf8')).export({ format: 'jwk' }) as { d: string };
  const scalars = [jwk.d, tls.d].map((d) => Buffer.from(d, 'base64url'));
  const pem = readFileSync(join(mounts, 'mtls/tls.key'), 'utf8').split('\n').slice(1, -2).join('');
  // Of a token, what only it has: its claims, in the letters that it is sent in, and its signature.
  const [claims, signatures] = [1, 2].map((part) => backends.authority.issued.map((token) => token.split('.')[part]!));
  const decoded = [...scalars, Buffer.from(staticToken), ...signatures!.map((text) => Buffer.from(text, 'base64url'))];
  const secrets = [pem, staticToken, ...claims!, ...decoded.flatMap(spellings)];
  const all = written.join('\n');
  expect(all.length).toBeGreaterThan(10_000);
  const found = secrets.filter((secret) => pieces(secret).some((piece) => all.includes(piece)));
  expect(found.map((secret) => secret.length)).toEqual([]);
});

test('the search finds a piece of eight characters, in whatever letters', () => {
  const shown = JSON.stringify({ body: Buffer.from(`a longer text with ${staticToken} in it`).toString('base64') });
  expect(spellings(Buffer.from(staticToken)).some((secret) => pieces(secret).some((piece) => shown.includes(piece)))).toBe(true);
  expect(pieces(staticToken).some((piece) => `{"x":"${staticToken.slice(7, 15)}"}`.includes(piece))).toBe(true);
});

function pieces(secret: string): string[] {
  return Array.from({ length: Math.max(1, secret.length - pieceCharacters + 1) }, (_, at) => secret.slice(at, at + pieceCharacters));
}

/** As bytes, in hex, and in base64 wherever in a longer text it stands. */
function spellings(secret: Buffer): string[] {
  const shifted = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), secret]));
  const base64 = shifted.flatMap((bytes) => [bytes.toString('base64').slice(4, -4), bytes.toString('base64url').slice(4, -4)]);
  return [secret.toString('latin1'), secret.toString('hex'), secret.toString('base64url'), ...base64];
}
