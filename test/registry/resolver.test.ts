import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseImageReference, type ImageReference } from '../../src/bytes/image-reference.ts';
import { createResolver } from '../../src/registry/resolver.ts';
import { RegistryServer, type AnswerTo } from '../fakes/registry-server.ts';
import { TestPki } from '../fakes/test-pki.ts';

const manifest = '{"schemaVersion":2}';
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
const found: AnswerTo = ({ method }) => ({ status: 200, headers: { 'docker-content-digest': digest }, ...(method === 'GET' && { body: manifest }) });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

const folder = mkdtempSync(join(tmpdir(), 'zastava-registry-'));
let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.make();
  writeFileSync(join(folder, 'ca.crt'), pki.ca);
});
afterAll(() => rmSync(folder, { recursive: true }));

let configs = 0;

/** Resolves `<host>/team/api:1` with what is mounted. */
function resolverFor(registries: readonly RegistryServer[], auths: Record<string, string> = {}, other: { registries?: readonly string[]; ms?: number } = {}) {
  const dockerConfigPath = join(folder, `config-${(configs += 1)}.json`);
  const entries = Object.entries(auths).map(([host, text]) => [host, { auth: Buffer.from(text).toString('base64') }]);
  writeFileSync(dockerConfigPath, JSON.stringify({ auths: Object.fromEntries(entries) }));
  const resolve = createResolver({ registries: other.registries ?? registries.map(({ host }) => host), dockerConfigPath, caPath: join(folder, 'ca.crt') });
  return (name = `${registries[0]?.host}/team/api:1`) => resolve(parseImageReference(name) as ImageReference, performance.now() + (other.ms ?? 5000));
}

const refusedWith = (code: string, message = '') => expect.objectContaining({ code, message: expect.stringContaining(message) });

describe('a tag', () => {
  test('is resolved with one HEAD request that asks for every kind of manifest', async () => {
    await using registry = await RegistryServer.start(pki, found);
    expect(await resolverFor([registry])()).toBe(digest);
    expect(registry.questions).toEqual([{ method: 'HEAD', path: '/v2/team/api/manifests/1', query: new URLSearchParams(), authorization: undefined, accept: expect.stringContaining('application/vnd.oci.image.index.v1+json') }]);
  });

  test.each([
    ['names no digest for a HEAD', ({ method }) => (method === 'HEAD' ? { status: 200 } : { status: 200, body: manifest })],
    ['names a digest that is none', ({ method }) => ({ status: 200, headers: { 'docker-content-digest': 'sha256:x' }, ...(method === 'GET' && { body: manifest }) })],
    ['knows no HEAD', ({ method }) => (method === 'HEAD' ? { status: 405 } : { status: 200, body: manifest })],
  ] satisfies [string, AnswerTo][])('is resolved by its manifest where the registry %s', async (_, answer) => {
    await using registry = await RegistryServer.start(pki, answer);
    expect(await resolverFor([registry])()).toBe(digest);
  });

  test.each([
    ['that sends other bytes than it names', ({ method }) => (method === 'HEAD' ? { status: 405 } : { status: 200, headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }, body: manifest }), 'registry.answer-invalid', 'sends bytes of'],
    ['without the tag', () => ({ status: 404 }), 'registry.rejected', 'has no'],
    ['that forbids it', () => ({ status: 403 }), 'registry.rejected', 'registrySecret'],
    ['that throttles', () => ({ status: 429 }), 'registry.unavailable', '429'],
    ['that fails', () => ({ status: 502 }), 'registry.unavailable', '502'],
    ['with an endless manifest', ({ method }) => (method === 'HEAD' ? { status: 405 } : { status: 200, body: Buffer.alloc(5 * 1024 * 1024) }), 'registry.answer-invalid', 'more than'],
    ['that wants an authentication which nobody has', () => ({ status: 401, headers: { 'www-authenticate': 'Negotiate' } }), 'registry.answer-invalid', 'neither Basic nor Bearer'],
    ['that wants credentials when none are mounted', () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }), 'registry.rejected', 'has none for it'],
    ['that goes round in circles', ({ path }) => ({ status: 307, headers: { location: path } }), 'registry.answer-invalid', 'redirects more than'],
    ['that redirects to nowhere', () => ({ status: 307, headers: { location: 'https://[' } }), 'registry.answer-invalid', 'an address that is none'],
  ] satisfies [string, AnswerTo, string, string][])('of a registry %s is not resolved', async (_, answer, code, message) => {
    await using registry = await RegistryServer.start(pki, answer);
    await expect(resolverFor([registry])()).rejects.toEqual(refusedWith(code, message));
  });

  test('is given up at the deadline', async () => {
    await using registry = await RegistryServer.start(pki, () => 'hang');
    await expect(resolverFor([registry], {}, { ms: 50 })()).rejects.toEqual(refusedWith('registry.timeout'));
  });

  test('of a registry that is not there, or has another CA, is not resolved', async () => {
    const gone = await RegistryServer.start(pki, found);
    const { host } = gone;
    await gone[Symbol.asyncDispose]();
    await expect(resolverFor([], {}, { registries: [host] })(`${host}/a:1`)).rejects.toEqual(refusedWith('registry.unavailable', host));
    await using stranger = await RegistryServer.start(await TestPki.make(), found);
    await expect(resolverFor([stranger])()).rejects.toEqual(refusedWith('registry.unavailable'));
    expect(stranger.questions).toEqual([]);
  });

  test('is never looked for at a registry that is not listed', async () => {
    await using registry = await RegistryServer.start(pki, found);
    const resolve = resolverFor([registry], {}, { registries: ['registry.internal', `${registry.host}0`] });
    for (const name of [`${registry.host}/team/api:1`, 'registry.internal.evil.example/x', 'nginx', '169.254.169.254/x', 'a_b.io/x']) {
      await expect(resolve(name)).rejects.toEqual(refusedWith('registry.unlisted'));
    }
    expect(registry.questions).toEqual([]);
  });
});

describe('credentials', () => {
  const wantsBasic: AnswerTo = (question) => (question.authorization === basic('zastava:pass') ? found(question) : { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } });

  test('are sent to their own host when it asks, and from then on at once', async () => {
    await using registry = await RegistryServer.start(pki, wantsBasic);
    const resolve = resolverFor([registry], { [registry.host]: 'zastava:pass', 'other.internal': 'other:secret' });
    expect([await resolve(), await resolve()]).toEqual([digest, digest]);
    expect(registry.questions.map(({ authorization }) => authorization)).toEqual([undefined, basic('zastava:pass'), basic('zastava:pass')]);
  });

  test('that are wrong are sent once and not again and again', async () => {
    await using registry = await RegistryServer.start(pki, wantsBasic);
    await expect(resolverFor([registry], { [registry.host]: 'zastava:wrong' })()).rejects.toEqual(refusedWith('registry.rejected', '401'));
    expect(registry.questions).toHaveLength(2);
  });

  test('do not follow a redirect to another host, and an unlisted one is not followed at all', async () => {
    await using target = await RegistryServer.start(pki, found);
    await using registry = await RegistryServer.start(pki, (question) => (question.authorization === undefined ? { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } } : { status: 307, headers: { location: `https://${target.host}/elsewhere` } }));
    const auths = { [registry.host]: 'zastava:pass', [target.host]: 'target:pass' };
    expect(await resolverFor([registry, target], auths)()).toBe(digest);
    expect(target.questions.map(({ path, authorization }) => [path, authorization])).toEqual([['/elsewhere', undefined]]);
    await expect(resolverFor([registry], auths)()).rejects.toEqual(refusedWith('registry.unlisted', target.host));
    expect(target.questions).toHaveLength(1);
  });

  test('do not leave https', async () => {
    await using registry = await RegistryServer.start(pki, () => ({ status: 307, headers: { location: `http://${registry.host}/x` } }));
    await expect(resolverFor([registry])()).rejects.toEqual(refusedWith('registry.unlisted', 'expected https'));
  });

  test('in an unreadable docker config resolve nothing', async () => {
    await using registry = await RegistryServer.start(pki, found);
    const resolve = createResolver({ registries: [registry.host], dockerConfigPath: join(folder, 'ca.crt'), caPath: join(folder, 'ca.crt') });
    await expect(resolve(parseImageReference(`${registry.host}/a:1`) as ImageReference, performance.now() + 5000)).rejects.toEqual(refusedWith('registry.credentials-invalid'));
  });
});

describe('a token', () => {
  const token = (question: Parameters<AnswerTo>[0], realm: string, answer: ReturnType<AnswerTo> = { status: 200, body: JSON.stringify({ token: 't-1', expires_in: 300 }) }): ReturnType<AnswerTo> => {
    if (question.path === '/token') return answer;
    if (question.authorization === 'Bearer t-1') return found(question);
    return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="the registry",scope="repository:other/secret:push"` } };
  };

  test('is fetched from the registry\'s own realm, for this repository and for pulling only, and used again', async () => {
    await using registry = await RegistryServer.start(pki, (question) => token(question, `https://${registry.host}/token`));
    const resolve = resolverFor([registry], { [registry.host]: 'zastava:pass' });
    expect([await resolve(), await resolve()]).toEqual([digest, digest]);
    expect(registry.questions.map(({ path, authorization }) => [path, authorization])).toEqual([
      ['/v2/team/api/manifests/1', undefined], ['/token', basic('zastava:pass')], ['/v2/team/api/manifests/1', 'Bearer t-1'], ['/v2/team/api/manifests/1', 'Bearer t-1'],
    ]);
    expect(Object.fromEntries(registry.questions[1]?.query ?? [])).toEqual({ service: 'the registry', scope: 'repository:team/api:pull' });
    await resolve(`${registry.host}/team/other:1`);
    expect(registry.questions.at(-1)?.path).toBe('/v2/team/other/manifests/1');
    expect(registry.questions.at(-2)?.query.get('scope')).toBe('repository:team/other:pull');
  });

  test('is fetched without credentials where there are none, and from another realm if that is listed', async () => {
    await using realm = await RegistryServer.start(pki, () => ({ status: 200, body: '{"access_token":"t-1"}' }));
    await using registry = await RegistryServer.start(pki, (question) => token(question, `https://${realm.host}/token?a=b`));
    expect(await resolverFor([registry, realm])()).toBe(digest);
    expect(realm.questions.map(({ authorization }) => authorization)).toEqual([undefined]);
    await expect(resolverFor([registry])()).rejects.toEqual(refusedWith('registry.unlisted', realm.host));
    expect(realm.questions).toHaveLength(1);
  });

  test.each(['http://127.0.0.1/token', 'https://169.254.169.254/token', 'https://0.0.0.0/token', 'file:///etc/passwd', 'https://user@localhost/token'])('is not fetched from %s', async (realm) => {
    await using registry = await RegistryServer.start(pki, (question) => token(question, realm));
    await expect(resolverFor([registry])()).rejects.toEqual(refusedWith('registry.unlisted'));
  });

  test.each([
    ['no JSON', { status: 200, body: 'secret-token' }, 'registry.answer-invalid'],
    ['no token', { status: 200, body: '{}' }, 'registry.answer-invalid'],
    ['no object', { status: 200, body: 'null' }, 'registry.answer-invalid'],
    ['a token with a line break in it', { status: 200, body: '{"token":"secret-token\\r\\nx: y"}' }, 'registry.answer-invalid'],
    ['a refusal', { status: 403, body: 'secret-token' }, 'registry.rejected'],
    ['a failure', { status: 500 }, 'registry.unavailable'],
  ])('that is %s is none, and is not shown', async (_, answer, code) => {
    await using registry = await RegistryServer.start(pki, (question) => token(question, `https://${registry.host}/token`, answer));
    const error: unknown = await resolverFor([registry])().catch((reason: unknown) => reason);
    expect(error).toEqual(refusedWith(code));
    expect(JSON.stringify([error, (error as Error).message, String((error as Error).cause)])).not.toContain('secret-token');
  });

  test('that has ended is fetched anew', async () => {
    await using registry = await RegistryServer.start(pki, (question) => token(question, `https://${registry.host}/token`, { status: 200, body: JSON.stringify({ token: 't-1', expires_in: 0 }) }));
    const resolve = resolverFor([registry]);
    expect([await resolve(), await resolve()]).toEqual([digest, digest]);
    expect(registry.questions.filter(({ path }) => path === '/token')).toHaveLength(2);
  });
});
