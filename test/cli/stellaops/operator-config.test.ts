import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readOperatorConfig } from '../../../src/cli/stellaops/operator-config.ts';
import { runtimeValues } from '../../fakes/runtime-values.ts';

const home = mkdtempSync(join(tmpdir(), 'zastava-operator-'));
afterAll(() => rmSync(home, { recursive: true }));
const folder = join(home, 'stellaops');
mkdirSync(folder);
for (const name of ['jwk.json', 'client.crt', 'client.key']) writeFileSync(join(folder, name), name);

const env = {
  XDG_CONFIG_HOME: join(home, 'none'), STELLAOPS_AUTHORITY_ISSUER: 'https://authority.internal', STELLAOPS_AUTHORITY_CLIENT_ID: 'alice',
  STELLAOPS_AUTHORITY_DPOP_KEY: join(folder, 'jwk.json'), STELLAOPS_SCANNER_URL: 'https://scanner.internal',
};
const mutual = { STELLAOPS_AUTHORITY_CLIENT_CERT: join(folder, 'client.crt'), STELLAOPS_AUTHORITY_CLIENT_KEY: join(folder, 'client.key') };
const inFile = (settings: object | string): NodeJS.ProcessEnv => {
  writeFileSync(join(folder, 'cli.yaml'), typeof settings === 'string' ? settings : JSON.stringify(settings));
  return { XDG_CONFIG_HOME: home };
};
const settings = { authorityIssuer: 'https://authority.internal', clientId: 'alice', dpopKey: 'jwk.json', clientCert: 'client.crt', clientKey: 'client.key', scannerUrl: 'https://scanner.internal' };

describe('the operator', () => {
  test('is configured by variables', async () => {
    const { runtime, files } = await readOperatorConfig({ ...env, ...mutual });
    expect(runtime.authority).toMatchObject({ issuer: 'https://authority.internal', clientId: 'alice', audience: ['scanner'], scopes: ['aud:scanner'], requireDpop: true, requireMutualTls: true, allowStaticTokenFallback: false });
    expect(runtime.backend.baseAddress).toBe('https://scanner.internal');
    expect(files).toEqual({ 'dpop/jwk.json': env.STELLAOPS_AUTHORITY_DPOP_KEY, 'mtls/tls.crt': mutual.STELLAOPS_AUTHORITY_CLIENT_CERT, 'mtls/tls.key': mutual.STELLAOPS_AUTHORITY_CLIENT_KEY });
  });

  test('or by a file, with paths relative to it; a variable wins', async () => {
    const { runtime, files } = await readOperatorConfig({ ...inFile(settings), STELLAOPS_AUTHORITY_CLIENT_ID: 'bob', STELLAOPS_AUTHORITY_SCOPE: 'aud:scanner api:scanner.read' });
    expect(runtime.authority).toMatchObject({ clientId: 'bob', scopes: ['aud:scanner', 'api:scanner.read'] });
    expect(files['mtls/tls.key']).toBe(join(folder, 'client.key'));
  });

  test('asks for no mutual TLS without a certificate', async () => {
    expect((await readOperatorConfig(env)).runtime.authority.requireMutualTls).toBe(false);
  });

  test('takes audience and paths of Scanner from the values of the site, and nothing of its client', async () => {
    const site = runtimeValues({ authority: { issuer: 'https://other', clientId: 'workload', audience: ['scanner-b'] }, backend: { policyPath: '/policy', baseAddress: 'https://other' } });
    const { runtime } = await readOperatorConfig(env, site);
    expect(runtime).toMatchObject({ authority: { issuer: 'https://authority.internal', clientId: 'alice', audience: ['scanner-b'] }, backend: { policyPath: '/policy', baseAddress: 'https://scanner.internal' } });
  });

  test('who is not configured learns everything that is missing', async () => {
    await expect(readOperatorConfig({ XDG_CONFIG_HOME: join(home, 'none') })).rejects.toMatchObject({ code: 'usage', problems: ['_ISSUER', '_CLIENT_ID', '_DPOP_KEY', '_URL'].map((end) => ({ where: expect.stringMatching(new RegExp(`^STELLAOPS_\\w+${end}$`)) })) });
  });

  test.each([
    ['the client of a workload', { STELLAOPS_AUTHORITY_CLIENT_ID: 'zastava-runtime' }], ['the key of a workload', { STELLAOPS_AUTHORITY_DPOP_KEY: '/etc/zastava/authority/dpop/jwk.json' }],
    ['a certificate without its key', { STELLAOPS_AUTHORITY_CLIENT_CERT: mutual.STELLAOPS_AUTHORITY_CLIENT_CERT }],
  ])('may not have %s', async (_, own) => {
    await expect(readOperatorConfig({ ...env, ...own })).rejects.toMatchObject({ code: 'usage', problems: [{ where: expect.stringContaining('STELLAOPS_AUTHORITY_') }] });
  });

  test('whose key is not there is told which', async () => {
    await expect(readOperatorConfig({ ...env, STELLAOPS_AUTHORITY_DPOP_KEY: '/nowhere/jwk.json' })).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining('/nowhere/jwk.json') });
  });

  test.each([['an unknown setting', { ...settings, clientID: 'x' }, 'clientID'], ['a setting that is no text', { ...settings, scope: ['a'] }, 'scope']])('is told of %s in the file', async (_, given, name) => {
    await expect(readOperatorConfig(inFile(given))).rejects.toMatchObject({ code: 'usage', problems: [{ where: expect.stringContaining(name) }] });
  });

  test('is told of a file that is not YAML', async () => {
    await expect(readOperatorConfig(inFile('a: ['))).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('is not YAML') });
  });
});
