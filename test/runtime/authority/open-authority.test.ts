import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { calculateJwkThumbprint, createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JWK, type JSONWebKeySet } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import type { AuthorityOptions } from '../../fakes/authority-server.ts';
import { far, openedAuthority, type OpenedAuthority } from '../../fakes/opened-authority.ts';
import { makeDpopJwk, TestPki, writeMounts } from '../../fakes/test-pki.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-authority-'));
const down: AuthorityOptions = { intercept: ({ path }) => (path === '/token' ? { status: 503 } : undefined) };
let pki: TestPki;
let mounts: string;
let thumbprint: string;

/** A key and a certificate, new each time. */
async function goodFiles(revision: string): Promise<Record<string, string>> {
  const [{ text }, { cert, key }] = [makeDpopJwk(), await pki.client()];
  return { 'dpop/jwk.json': text, 'dpop/revision': `${revision}\n`, 'mtls/tls.crt': cert, 'mtls/tls.key': key, 'mtls/ca.crt': pki.ca };
}

beforeAll(async () => {
  pki = await TestPki.make();
  const files = await goodFiles('7');
  mounts = writeMounts(join(folder, 'good'), files);
  thumbprint = await calculateJwkThumbprint(JSON.parse(files['dpop/jwk.json']!) as JWK);
});
afterAll(() => rmSync(folder, { recursive: true }));

// The files are looked at when a test says so.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());
const look = (): unknown => vi.advanceTimersByTime(5000);

const opened = (options: AuthorityOptions = {}, settings: object = {}, at = mounts): Promise<OpenedAuthority> => openedAuthority(pki, at, options, settings);

describe('by certificate and DPoP with nonces', () => {
  test('gives a token that is bound to both, and proofs that a resource server accepts', async () => {
    await using it = await opened();
    const token = await it.authority.tokens.get(far());
    const url = new URL('https://scanner.internal/api/v1/x?y=1');
    const headers = await token.authorize({ method: 'POST', url, nonce: 'n-1' });
    const [scheme, accessToken = ''] = headers['authorization']!.split(' ');
    expect(scheme).toBe('DPoP');
    const { payload } = await jwtVerify(accessToken, createLocalJWKSet(it.server.jwks as JSONWebKeySet), { audience: 'scanner', typ: 'at+jwt' });
    expect(payload['cnf']).toEqual({ 'jkt': thumbprint, 'x5t#S256': it.authority.clientTls()?.fingerprint });
    const proof = await jwtVerify(headers['dpop']!, (header) => header.jwk as JWK as never, { typ: 'dpop+jwt' });
    expect(decodeProtectedHeader(headers['dpop']!).jwk).not.toHaveProperty('d');
    expect(proof.payload).toMatchObject({ htm: 'POST', htu: 'https://scanner.internal/api/v1/x', nonce: 'n-1', ath: createHash('sha256').update(accessToken).digest('base64url') });
  });

  test('writes the audit line of the runbook, with type, key and revision, and no part of the token', async () => {
    await using it = await opened();
    const { authorization } = await (await it.authority.tokens.get(far())).authorize({ method: 'GET', url: new URL(it.server.issuer) });
    const line = it.log.find('Issued runtime OpTok');
    expect(line).toMatchObject({ scope: 'authority.token.issue', decision: 'issued', tokenType: 'DPoP', keyRevision: '7', audience: ['scanner'], mutualTls: true });
    expect(it.log.text).not.toContain(authorization!.slice(5, 40));
    expect(await it.samples(catalogue.keyInfo.name)).toEqual([expect.stringContaining('revision="7"')]);
    expect(await it.samples(catalogue.tokenAge.name)).toEqual([expect.stringContaining('source="authority"')]);
    expect((await it.samples(catalogue.certificateNotAfter.name))[0]).toContain('certificate="authorityClient"');
  });

  test('asks once for all who wait, and keeps what it has', async () => {
    await using it = await opened();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => it.authority.tokens.get(far())));
    expect(new Set(tokens).size).toBe(1);
    const asked = it.server.tokenRequests;
    await it.authority.tokens.get(far());
    expect(it.server.tokenRequests).toBe(asked);
    expect(it.authority.tokens.drop()).toBe(true);
    expect(it.authority.tokens.drop()).toBe(false);
    await it.authority.tokens.get(far());
    expect(it.server.tokenRequests).toBeGreaterThan(asked);
  });

  test('renews a token before its end, at a third of its life at the latest, while the old one serves', async () => {
    await using it = await opened({ lifeSeconds: 3 });
    const first = await it.authority.tokens.get(far());
    await expect.poll(async () => (await it.authority.tokens.get(far())) === first, { timeout: 5000, interval: 100 }).toBe(false);
    expect(first.expiresAt.getTime()).toBeGreaterThan(Date.now() - 100);
  });
});

test.each([
  ['no key', { 'dpop/jwk.json': '' }, /expected a private JWK/],
  ['a key that is none', { 'dpop/jwk.json': '{"kty":"EC","d":"hush-hush-hush"}' }, /expected a private JWK/],
  ['a certificate of another key', { 'mtls/tls.key': 'hush' }, /that do not belong together/],
  ['a trust that is none', { 'mtls/ca.crt': 'hush' }, /expected certificates in PEM/],
])('refuses %s, without a word of it, and takes what is put in its place', async (_, files, reason) => {
  const good = await goodFiles('1');
  const at = writeMounts(mkdtempSync(join(folder, 'bad-')), { ...good, ...files });
  await using it = await opened({}, {}, at);
  await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.key-invalid', message: expect.stringMatching(reason) });
  expect(it.log.find('a key or certificate cannot be used; the last good one stays in force')).toMatchObject({ scope: 'authority.key', level: 'error' });
  expect(await it.samples(catalogue.tokenFailures.name)).toContainEqual(expect.stringMatching(/reason="keyInvalid".* [1-9]/));
  expect(it.log.text).not.toContain('hush');
  writeMounts(at, good);
  look();
  await expect.poll(() => it.authority.tokens.get(far()).then(({ source }) => source, () => undefined), { timeout: 5000, interval: 200 }).toBe('authority');
});

describe('without a restart', () => {
  test('takes a new key and certificate into use, and shows the old certificate until the token of the new one is there', async () => {
    const at = writeMounts(join(folder, 'rotated'), await goodFiles('1'));
    await using it = await opened({}, {}, at);
    const first = await it.authority.tokens.get(far());
    const shown = it.authority.clientTls()?.fingerprint;
    it.server.options = down;
    writeMounts(at, await goodFiles('2'));
    look();
    await expect.poll(() => it.log.find('DPoP key loaded', { keyRevision: '2' }), { timeout: 5000 }).toBeDefined();
    expect([await it.authority.tokens.get(far()), it.authority.clientTls()?.fingerprint]).toEqual([first, shown]);
    expect(await it.samples(catalogue.keyInfo.name)).toEqual([expect.stringContaining('revision="2"')]);
    it.server.options = {};
    await expect.poll(async () => (await it.authority.tokens.get(far())) === first, { timeout: 5000, interval: 200 }).toBe(false);
    const { authorization = '' } = await (await it.authority.tokens.get(far())).authorize({ method: 'GET', url: new URL(it.server.issuer) });
    expect(decodeJwt(authorization.slice(5))['cnf']).toMatchObject({ 'x5t#S256': it.authority.clientTls()?.fingerprint });
    expect(it.authority.clientTls()?.fingerprint).not.toBe(shown);
  });

  test('keeps the last good key when a half of a pair is written, and says so once', async () => {
    const at = writeMounts(join(folder, 'half'), await goodFiles('1'));
    await using it = await opened({}, {}, at);
    const first = await it.authority.tokens.get(far());
    writeMounts(at, { 'mtls/tls.crt': (await pki.client()).cert });
    look();
    const told = 'a key or certificate cannot be used; the last good one stays in force';
    await expect.poll(() => it.log.find(told), { timeout: 5000 }).toBeDefined();
    look();
    it.authority.tokens.drop();
    expect((await it.authority.tokens.get(far())).source).toBe('authority');
    expect(await it.authority.tokens.get(far())).not.toBe(first);
    expect(it.log.lines.filter((line) => line['msg'] === told)).toHaveLength(1);
  });
});

describe('the static fallback', () => {
  const now = Math.floor(Date.now() / 1000);
  const token = (claims: object): string => `eyJhbGciOiJub25lIn0.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
  const fresh = token({ iat: now - 60, exp: now + 3600 });
  const withToken = async (text: string, changed: Record<string, string> = {}): Promise<string> => writeMounts(mkdtempSync(join(folder, 'static-')), { ...(await goodFiles('1')), 'static/token': text, ...changed });
  const allowed = { allowStaticTokenFallback: true };

  test('serves while Authority is down, with its scope in the log, and Authority takes over again', async () => {
    await using it = await opened(down, allowed, await withToken(fresh));
    const fallback = await it.authority.tokens.get(far());
    expect(fallback.source).toBe('static');
    expect(await fallback.authorize({ method: 'GET', url: new URL(it.server.issuer) })).toEqual({ authorization: `Bearer ${fresh}` });
    expect(fallback.expiresAt.getTime()).toBeLessThan(Date.now() + 60_000);
    expect(it.log.find('static fallback token in use')).toMatchObject({ scope: 'authority.token.fallback', level: 'warn' });
    expect(await it.samples(catalogue.tokenAge.name)).toEqual([expect.stringMatching(/source="static"} \d\d/)]);
    it.server.options = {};
    it.authority.tokens.drop();
    expect((await it.authority.tokens.get(far())).source).toBe('authority');
    expect(await it.samples(catalogue.tokenAge.name)).toEqual([expect.stringContaining('source="authority"')]);
  });

  test('serves before there is a key', async () => {
    await using it = await opened({}, allowed, await withToken(fresh, { 'dpop/jwk.json': '' }));
    expect((await it.authority.tokens.get(far())).source).toBe('static');
  });

  test('waits as long as Authority asks before it is asked again', async () => {
    await using it = await opened({ intercept: ({ path }) => (path === '/token' ? { status: 429, headers: { 'retry-after': '600' } } : undefined) }, allowed, await withToken(fresh));
    expect((await it.authority.tokens.get(far())).expiresAt.getTime()).toBeGreaterThan(Date.now() + 500_000);
  });

  test('does not take the place of a token of Authority that is still good', async () => {
    const at = await withToken(fresh);
    await using it = await opened({}, allowed, at);
    const first = await it.authority.tokens.get(far());
    it.server.options = down;
    writeMounts(at, await goodFiles('2'));
    look();
    await expect.poll(() => it.log.find('no OpTok was issued'), { timeout: 5000 }).toBeDefined();
    expect(await it.authority.tokens.get(far())).toBe(first);
  });

  test('takes over before the last token of Authority ends: nobody who asks is without one', async () => {
    const retryLater = { intercept: ({ path }: { readonly path: string }) => (path === '/token' ? { status: 429, headers: { 'retry-after': '600' } } : undefined) };
    await using it = await opened({ lifeSeconds: 2 }, allowed, await withToken(fresh));
    await it.authority.tokens.get(far());
    it.server.options = retryLater;
    const sources = new Set<string>();
    for (const end = Date.now() + 4000; Date.now() < end; await sleep(20)) sources.add((await it.authority.tokens.get(far())).source);
    expect([...sources]).toEqual(['authority', 'static']);
  });

  test('is no way around a refusal', async () => {
    const { cert, key } = await pki.client('somebody-else');
    await using it = await opened({}, allowed, await withToken(fresh, { 'mtls/tls.crt': cert, 'mtls/tls.key': key }));
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.rejected' });
    await using other = await opened({ audience: 'billing' }, allowed, await withToken(fresh));
    await expect(other.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.token-invalid' });
    expect(it.log.text + other.log.text).not.toContain('fallback');
  });

  test.each([
    ['older than a day', token({ iat: now - 25 * 3600, exp: now + 3600 }), /not older than 24 h/],
    ['that has ended', token({ iat: now - 3600, exp: now - 60 }), /one that ended on/],
    ['of two words', 'two words', /expected one token/],
    ['that is empty', '\n', /expected one token/],
    ['that is huge', 'x'.repeat(70_000), /at most 65536 bytes/],
  ])('one %s is refused and reported, without a word of it', async (_, text, reason) => {
    await using it = await opened(down, allowed, await withToken(text));
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.unavailable' });
    expect(it.log.find('static fallback token refused')).toMatchObject({ scope: 'authority.token.fallback', level: 'error', error: { message: expect.stringMatching(reason) } });
    if (text.length > 8) expect(it.log.text).not.toContain(text.slice(-9));
  });

  test('one that lies there for more than a day is refused, whatever it says of itself', async () => {
    const at = await withToken(token({ iat: now, exp: now + 90_000 }));
    const before = new Date(Date.now() - 25 * 3600_000);
    utimesSync(join(at, 'static/token'), before, before);
    await using it = await opened(down, allowed, at);
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.unavailable' });
    expect(it.log.find('static fallback token refused')).toBeDefined();
  });

  test('is not touched unless it is allowed', async () => {
    await using it = await opened(down, {}, await withToken(fresh));
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.unavailable' });
    expect(it.log.text).not.toContain('fallback');
  });
});
