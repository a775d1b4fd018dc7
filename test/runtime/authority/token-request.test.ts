/** How Authority knows a client, and everything it can refuse with or get wrong: a real one, and answers that a script gives in its place. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { errors } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Values } from '../../../src/config/schema.ts';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import type { AuthorityOptions } from '../../fakes/authority-server.ts';
import { far, openedAuthority, type OpenedAuthority } from '../../fakes/opened-authority.ts';
import { makeDpopJwk, TestPki, writeMounts } from '../../fakes/test-pki.ts';

type Settings = Partial<Values['zastava']['runtime']['authority']>;

const folder = mkdtempSync(join(tmpdir(), 'zastava-request-'));
const jwk = makeDpopJwk();
let pki: TestPki;
let files: Record<string, string>;

beforeAll(async () => {
  pki = await TestPki.make();
  const { cert, key } = await pki.client();
  files = { 'dpop/jwk.json': jwk.text, 'mtls/tls.crt': cert, 'mtls/tls.key': key, 'mtls/ca.crt': pki.ca };
});
afterAll(() => rmSync(folder, { recursive: true }));

const mount = (changed: Record<string, string> = {}): string => writeMounts(mkdtempSync(join(folder, 'm-')), { ...files, ...changed });
const opened = (options: AuthorityOptions = {}, settings: Settings = {}, at = mount()): Promise<OpenedAuthority> => openedAuthority(pki, at, options, settings);

async function claimsOf({ authority, server }: OpenedAuthority): Promise<Record<string, unknown>> {
  const { authorization = '' } = await (await authority.tokens.get(far())).authorize({ method: 'GET', url: new URL(server.issuer) });
  return { scheme: authorization.split(' ')[0], ...decodeJwt(authorization.split(' ')[1]!) };
}

describe('is known to Authority', () => {
  test('by a signed assertion alone, with a warning', async () => {
    const named = JSON.stringify({ ...JSON.parse(jwk.text) as object, kid: 'ours' });
    await using it = await opened({ clientJwk: { ...jwk.open, kid: 'ours' } }, { requireMutualTls: false }, mount({ 'dpop/jwk.json': named }));
    expect(await claimsOf(it)).toMatchObject({ scheme: 'DPoP', cnf: { jkt: expect.any(String) } });
    expect(it.authority.clientTls()).toEqual({ ca: pki.ca });
    expect(it.log.find('Mutual TLS requirement disabled')).toMatchObject({ level: 'warn' });
  });

  test('by a signed assertion over a connection that shows the certificate, and finds out only once', async () => {
    await using it = await opened({ clientJwk: jwk.open });
    expect(await claimsOf(it)).toMatchObject({ cnf: { 'jkt': expect.any(String), 'x5t#S256': it.authority.clientTls()?.fingerprint } });
    const before = it.server.tokenRequests;
    it.authority.tokens.drop();
    await it.authority.tokens.get(far());
    expect(it.server.tokenRequests).toBe(before + 1);
  });

  test('by its certificate alone, for a token that anybody can use', async () => {
    await using it = await opened({ requireDpop: false }, { requireDpop: false });
    expect(await claimsOf(it)).toMatchObject({ scheme: 'Bearer', cnf: { 'x5t#S256': it.authority.clientTls()?.fingerprint } });
    expect(it.log.find('Issued runtime OpTok')).toMatchObject({ tokenType: 'Bearer', mutualTls: true });
  });
});

describe('tells why Authority refuses', () => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const cases: readonly (readonly [string, AuthorityOptions, Settings, RegExp])[] = [
    ['a client that it does not know', {}, { clientId: 'somebody' }, /refuses: invalid_client/],
    ['a client that is registered with another key', { clientJwk: { ...stranger, alg: 'ES256', use: 'sig' } }, {}, /refuses: invalid_client/],
    ['a client that may not have this grant', { client: { grant_types: [] } }, {}, /refuses: invalid_request, requested grant type is not allowed/],
    ['the grant itself', { grant: false, client: { grant_types: [] } }, {}, /refuses: unsupported_grant_type/],
    ['a scope that is not of this client', { client: { scope: 'aud:scanner' } }, {}, /refuses: invalid_scope/],
    ['a resource that it does not know', { judgeResource: () => { throw new errors.InvalidTarget(); } }, {}, /refuses: invalid_target/],
    ['to give a token without a proof', {}, { requireDpop: false }, /refuses: invalid_grant/],
    ['access', { judgeResource: () => { throw new errors.AccessDenied(); } }, {}, /refuses: access_denied/],
  ];
  test.each(cases)('%s', async (_, options, settings, reason) => {
    await using it = await opened(options, settings);
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.rejected', message: expect.stringMatching(reason) });
    expect(await it.samples(catalogue.tokenFailures.name)).toContainEqual(expect.stringMatching(/reason="rejected".* [1-9]/));
    expect(it.log.find('no OpTok was issued')).toMatchObject({ scope: 'authority.token.issue', level: 'error', decision: 'refused' });
  });

  test.each([
    ['of another client', () => pki.client('somebody-else')],
    ['from an authority that is not trusted', async () => (await TestPki.make()).client()],
  ])('a certificate %s', async (_, issue) => {
    const { cert, key } = await issue();
    await using it = await opened({}, {}, mount({ 'mtls/tls.crt': cert, 'mtls/tls.key': key }));
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.rejected', message: expect.stringContaining('invalid_client') });
  });

  test('that it fails', async () => {
    await using it = await opened({ claims: () => { throw new Error('no database'); } });
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.unavailable', message: expect.stringMatching(/fails: 500/) });
  });
});

describe('refuses', () => {
  const own = (cnf: object) => (claims: Record<string, unknown>) => void (claims['cnf'] = { ...(claims['cnf'] as object), ...cnf });
  const now = (): number => Math.floor(Date.now() / 1000);
  const tokens: readonly (readonly [string, AuthorityOptions, RegExp])[] = [
    ['for somebody else', { audience: 'billing' }, /aud: expected scanner, found \["billing"\]/],
    ['with fewer rights', { scopes: 'aud:scanner' }, /scope: expected api:scanner\.runtime\.write, found "aud:scanner"/],
    ['that is bound to another key', { claims: own({ jkt: 'other' }) }, /cnf\.jkt: expected the thumbprint of our key, [\w-]{43}, found "other"/],
    ['that is bound to no key', { claims: own({ jkt: undefined }) }, /cnf\.jkt: expected .* found null/],
    ['that is bound to another certificate', { claims: own({ 'x5t#S256': 'other' }) }, /cnf\["x5t#S256"\]: expected the fingerprint of our certificate, [\w-]{43}, found "other"/],
    ['that is bound to no certificate', { claims: own({ 'x5t#S256': undefined }) }, /cnf\["x5t#S256"\]: expected .* found null/],
    ['that is bound to nothing', { claims: (claims) => delete claims['cnf'] }, /cnf\.jkt.*cnf\["x5t#S256"\]/],
    ['from a clock that is ahead', { claims: (claims) => (claims['iat'] = now() + 600) }, /iat: .*set the clock of this node: it is behind/],
    ['that has ended', { claims: (claims) => (claims['exp'] = now() - 5) }, /exp: expected a time after .*set the clock of this node: it is ahead/],
    ['whose end is no time', { claims: (claims) => (claims['exp'] = 'tomorrow') }, /exp: expected a time after .* found none/],
  ];
  test.each(tokens)('a token %s', async (_, options, reason) => {
    await using it = await opened(options);
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.token-invalid', message: expect.stringMatching(reason) });
    expect(await it.samples(catalogue.tokenFailures.name)).toContainEqual(expect.stringMatching(/reason="tokenInvalid".* [1-9]/));
  });

  const answerTo = (path: string, status: number, body: string, headers = {}): AuthorityOptions => ({ intercept: (request) => (request.path === path ? { status, body, headers } : undefined) });
  const token = (status: number, body: object | string, headers = {}): AuthorityOptions => answerTo('/token', status, typeof body === 'string' ? body : JSON.stringify(body), headers);
  const metadata = (body: object | string, status = 200): AuthorityOptions => answerTo('/.well-known/openid-configuration', status, typeof body === 'string' ? body : JSON.stringify(body));
  const nonce = { 'dpop-nonce': 'another' };
  const ago = (seconds: number) => ({ date: new Date(Date.now() - seconds * 1000).toUTCString() });
  const answers: readonly (readonly [string, AuthorityOptions, string, RegExp])[] = [
    ['a token of type Bearer where DPoP is required, and one that is not a JWT', token(200, { access_token: 'opaque', token_type: 'Bearer' }), 'authority.token-invalid', /token_type: expected DPoP.*access_token: expected a JWT/],
    ['an answer without a token', token(200, { token_type: 'DPoP' }), 'authority.unavailable', /not OAuth \(200\)/],
    ['an answer that is no object', token(200, '[]'), 'authority.unavailable', /not OAuth/],
    ['an answer that is no JSON', token(200, '{"access_token": "'), 'authority.unavailable', /not OAuth/],
    ['a page of a proxy', token(200, '<html>', { 'content-type': 'text/html' }), 'authority.unavailable', /not OAuth/],
    ['an answer that is huge', token(200, `{"x":"${'y'.repeat(400_000)}"}`), 'authority.unavailable', /larger than 262144 bytes/],
    ['a redirect', token(307, '', { location: 'https://localhost:1/' }), 'authority.unavailable', /307/],
    ['a server that fails', token(503, ''), 'authority.unavailable', /fails: 503/],
    ['too many requests', token(429, '', { 'retry-after': '2' }), 'authority.throttled', /fewer requests/],
    ['a client, without a body', token(401, '', { 'www-authenticate': 'Bearer realm="x"' }), 'authority.rejected', /refuses this client \(401\)/],
    ['one nonce after the other', token(400, { error: 'use_dpop_nonce' }, nonce), 'authority.rejected', /use_dpop_nonce/],
    ['a proof, from a clock that is ahead', token(400, { error: 'invalid_dpop_proof', error_description: 'iat' }, ago(90)), 'authority.rejected', /invalid_dpop_proof, iat \(400\); the clock here is \d{2,3} s ahead of Authority's: set it/],
    ['an assertion, from a clock that is behind', token(401, { error: 'invalid_client' }, ago(-3600)), 'authority.rejected', /the clock here is \d{4} s behind/],
    ['something, and repeats what it was sent', token(400, { error: 'invalid_request', error_description: `assertion ${'Zm9vYmFy'.repeat(9)} is odd` }), 'authority.rejected', /assertion … is odd/],
    ['discovery', metadata('', 404), 'authority.unavailable', /not OAuth \(404\)/],
    ['discovery, and fails', metadata('', 502), 'authority.unavailable', /fails: 502/],
    ['discovery of another issuer', metadata({ issuer: 'https://elsewhere', token_endpoint: 'https://elsewhere/token' }), 'authority.unavailable', /not OAuth.*issuer/],
  ];
  test.each(answers)('or is refused %s', async (_, options, code, reason) => {
    await using it = await opened(options);
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code, message: expect.stringMatching(reason) });
    expect(it.log.text).not.toContain('Zm9vYmFy');
  });

  test('metadata without a place for tokens, with a plain one, and without a way that it has', async () => {
    for (const [changed, reason] of [
      [{ token_endpoint: undefined }, /token_endpoint/],
      [{ token_endpoint: 'http://localhost/token', mtls_endpoint_aliases: undefined }, /HTTPS|http/i],
      [{ token_endpoint_auth_methods_supported: ['client_secret_basic'] }, /takes clients by client_secret_basic, and this one has a certificate and a key/],
    ] as const) {
      await using it = await opened();
      const issuer = it.server.issuer;
      it.server.options = metadata({ issuer, token_endpoint: `${issuer}/token`, ...changed });
      it.authority.tokens.drop();
      await expect(it.authority.tokens.get(far())).rejects.toThrow(reason);
    }
  });

  test('a server whose certificate is not trusted, or not for its name', async () => {
    const other = await TestPki.make();
    await using it = await openedAuthority(other, mount());
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.unavailable', message: expect.stringMatching(/cannot be reached: [A-Z_]*(SELF_SIGNED|UNABLE|SIGNATURE)/) });
    expect(it.server.tokenRequests).toBe(0);
  });

  test('to wait for ever', async () => {
    await using it = await opened({ intercept: ({ path }) => (path === '/token' ? 'hang' : undefined) });
    await expect(it.authority.tokens.get(performance.now() + 50)).rejects.toMatchObject({ code: 'authority.unavailable', message: expect.stringContaining('the time was over') });
  });

  test('to show a certificate that has ended', async () => {
    const { cert, key } = await pki.client('zastava-runtime', -1);
    await using it = await opened({}, {}, mount({ 'mtls/tls.crt': cert, 'mtls/tls.key': key }));
    await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.key-invalid', message: expect.stringContaining('ended on') });
    expect(it.server.tokenRequests).toBe(0);
  });
});

test('says that the clock is off although Authority does not mind', async () => {
  await using it = await opened({ intercept: ({ path }) => (path === '/token' ? { status: 429 } : undefined) });
  await expect(it.authority.tokens.get(far())).rejects.toMatchObject({ code: 'authority.throttled' });
  it.server.options = { date: new Date(Date.now() - 120_000) };
  it.authority.tokens.drop();
  await it.authority.tokens.get(far());
  expect(it.log.lines.find((line) => 'clockAheadSeconds' in line)).toMatchObject({ level: 'warn', scope: 'authority.token.issue', clockAheadSeconds: expect.closeTo(120, -0.5) });
});
