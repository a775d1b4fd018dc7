import { expect, test } from 'vitest';
import { parseDockerConfig } from '../../src/registry/docker-config.ts';
import { RegistryClient, type RegistryOptions } from '../../src/registry/registry-client.ts';
import { OciRegistry } from '../fakes/oci-registry.ts';
import { RegistryServer } from '../fakes/registry-server.ts';
import { TestPki } from '../fakes/test-pki.ts';

const pki = await TestPki.make();
const basic = `Basic ${Buffer.from('zastava:hunter2').toString('base64')}`;
const scopes = ['repository:zastava/observer:pull,push', 'repository:zastava/webhook:pull,push'];

async function open(registry: OciRegistry, options: Partial<RegistryOptions> = {}): Promise<void> {
  const credentials = parseDockerConfig(JSON.stringify({ auths: { [registry.host]: { username: 'zastava', password: 'hunter2' } } }), 'config');
  const client = new RegistryClient({ domain: registry.host, scopes, credentials, ca: pki.ca, delayMs: 1, ...options });
  await client.open().finally(() => client.close());
}

/** Gives a token to whoever comes with the credentials; keeps what it was asked. */
function tokenServer(): Promise<RegistryServer> {
  return RegistryServer.start(pki, () => ({ status: 200, body: JSON.stringify({ token: 'of-the-server' }) }));
}

const withheld = expect.objectContaining({ code: 'registry.credentials-withheld' });

test('basic credentials are given when the registry asks for them, not before', async () => {
  await using registry = await OciRegistry.start({ pki, auth: { challenge: 'Basic realm="x"', expected: basic } });
  await open(registry);
  expect(registry.questions.map(({ authorization }) => authorization)).toEqual([undefined, basic]);
});

test('a token is asked for once, for all that is to be done', async () => {
  await using tokens = await tokenServer();
  await using registry = await OciRegistry.start({ pki, auth: { challenge: `Bearer realm="https://${tokens.host}/token",service="registry"`, expected: 'Bearer of-the-server' } });
  await open(registry, { tokenHosts: [tokens.host] });
  expect(tokens.questions).toMatchObject([{ path: '/token', authorization: basic }]);
  expect(tokens.questions[0]?.query.getAll('scope')).toEqual(scopes);
  expect(registry.questions.map(({ authorization }) => authorization)).toEqual([undefined, 'Bearer of-the-server']);
});

test('a token server at another host gets no credentials unless it is allowed', async () => {
  await using tokens = await tokenServer();
  await using registry = await OciRegistry.start({ pki, auth: { challenge: `Bearer realm="https://${tokens.host}/token"`, expected: 'Bearer of-the-server' } });
  await expect(open(registry)).rejects.toEqual(expect.objectContaining({ code: 'registry.credentials-withheld', message: expect.stringContaining(`--token-host ${tokens.host}`) }));
  expect(tokens.questions).toEqual([]);
});

test('without credentials of our own, any token server may give one', async () => {
  await using tokens = await tokenServer();
  await using registry = await OciRegistry.start({ pki, auth: { challenge: `Bearer realm="https://${tokens.host}/token"`, expected: 'Bearer of-the-server' } });
  await open(registry, { credentials: new Map() });
  expect(tokens.questions[0]?.authorization).toBeUndefined();
});

test.each([301, 307])('a redirect (%d) to another host goes without credentials', async (status) => {
  await using other = await RegistryServer.start(pki, () => ({ status: 200 }));
  await using registry = await OciRegistry.start({ pki, auth: { challenge: 'Basic realm="x"', expected: basic } });
  registry.disturb = ({ authorization }, response) => {
    if (authorization === undefined) return undefined;
    response.writeHead(status, { location: `https://${other.host}/v2/` }).end();
    return 'answered';
  };
  await open(registry);
  expect(other.questions.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test('an upload that the registry puts elsewhere goes there without credentials', async () => {
  await using other = await RegistryServer.start(pki, () => ({ status: 202 }));
  await using registry = await OciRegistry.start({ pki, auth: { challenge: 'Basic realm="x"', expected: basic } });
  const client = new RegistryClient({ domain: registry.host, scopes, credentials: new Map([[registry.host, basic]]), ca: pki.ca });
  await client.open();
  await client.ask({ method: 'PATCH', at: new URL(`https://${other.host}/upload`), body: Buffer.from('piece') });
  await client.close();
  expect(other.questions).toMatchObject([{ method: 'PATCH', authorization: undefined }]);
});

test('a host that a redirect led to cannot ask for the credentials', async () => {
  await using other = await RegistryServer.start(pki, () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }));
  await using registry = await OciRegistry.start({ pki });
  registry.disturb = (_, response) => {
    response.writeHead(307, { location: `https://${other.host}/v2/` }).end();
    return 'answered';
  };
  await expect(open(registry)).rejects.toMatchObject({ code: 'registry.rejected' });
  expect(other.questions.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test.each(['http://localhost:1/v2/', 'https://user:pass@localhost:1/v2/', 'file:///etc/passwd'])('a redirect to %s is not followed', async (location) => {
  await using registry = await OciRegistry.start({ pki });
  registry.disturb = (_, response) => {
    response.writeHead(302, { location }).end();
    return 'answered';
  };
  await expect(open(registry)).rejects.toEqual(withheld);
});

test('a certificate of an authority that nobody named is not trusted', async () => {
  await using registry = await OciRegistry.start({ pki });
  await expect(open(registry, { ca: undefined })).rejects.toMatchObject({ code: 'registry.unavailable' });
  expect(registry.questions).toEqual([]);
});

test('credentials that are refused are named by their host, and are not shown', async () => {
  await using registry = await OciRegistry.start({ pki, auth: { challenge: 'Basic realm="x"', expected: 'Basic other' } });
  const refused = open(registry);
  await expect(refused).rejects.toMatchObject({ code: 'registry.rejected', message: expect.stringContaining(registry.host) });
  await expect(refused).rejects.not.toThrow(/hunter2|aHVudGVyMg|emFzdGF2YT/);
});

test('a token that ended is renewed', async () => {
  await using tokens = await tokenServer();
  await using registry = await OciRegistry.start({ pki, auth: { challenge: `Bearer realm="https://${tokens.host}/token"`, expected: 'Bearer of-the-server' } });
  const client = new RegistryClient({ domain: registry.host, scopes, ca: pki.ca, delayMs: 1 });
  await client.open();
  let ended = false;
  registry.disturb = (_, response) => {
    if (ended) return undefined;
    ended = true;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="https://${tokens.host}/token",error="invalid_token"` }).end();
    return 'answered';
  };
  expect((await client.ask({ method: 'GET', at: '/v2/' })).status).toBe(200);
  await client.close();
  expect(tokens.questions).toHaveLength(2);
});
