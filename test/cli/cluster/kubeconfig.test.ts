import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readKubeconfig } from '../../../src/cli/cluster/kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-kubeconfig-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): string => {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const config = (user: object, cluster: object = {}, rest: object = {}): string => JSON.stringify({
  'current-context': 'x', contexts: [{ name: 'y', context: {} }, { name: 'x', context: { cluster: 'c', user: 'u' } }],
  clusters: [{ name: 'c', cluster: { server: 'https://api.internal:6443', ...cluster } }], users: [{ name: 'u', user }], ...rest,
});

describe('a kubeconfig', () => {
  test('gives the server, CA and client certificate of the current context, from the file itself', async () => {
    const path = write('inline', config({ 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') }, { 'certificate-authority-data': base64('CA') }));
    expect(await readKubeconfig([path])).toEqual({ server: 'https://api.internal:6443', tls: { ca: 'CA', cert: 'CERT', key: 'KEY' } });
  });

  test('or from files beside it', async () => {
    for (const name of ['ca.crt', 'u.crt', 'u.key']) write(`beside/${name}`, name);
    const path = write('beside/config', config({ 'client-certificate': 'u.crt', 'client-key': 'u.key' }, { 'certificate-authority': 'ca.crt', 'tls-server-name': 'kubernetes' }));
    expect(await readKubeconfig([path])).toEqual({ server: 'https://api.internal:6443', tls: { ca: 'ca.crt', cert: 'u.crt', key: 'u.key', servername: 'kubernetes' } });
  });

  test('gives a token, of which the one in a file wins', async () => {
    write('token', 'from-file\n');
    expect(await readKubeconfig([write('t', config({ token: 'inline' }))])).toMatchObject({ token: 'inline' });
    expect(await readKubeconfig([write('tf', config({ token: 'inline', tokenFile: 'token' }))])).toMatchObject({ token: 'from-file' });
  });

  test('of several, the first that has a thing wins, and some may be missing', async () => {
    const [one, two] = [write('one', JSON.stringify({ 'current-context': 'x', users: [{ name: 'u', user: { token: 'one' } }] })), write('two', config({ token: 'two' }))];
    expect(await readKubeconfig([join(folder, 'none'), one, two])).toMatchObject({ server: 'https://api.internal:6443', token: 'one' });
  });

  test.each([
    ['a program to run', { exec: { command: 'aws' } }, {}], ['a program to run', { 'auth-provider': { name: 'gcp' } }, {}],
    ['a password', { username: 'u', password: 'hunter2' }, {}], ['another user to act as', { token: 't', as: 'admin' }, {}], ['a proxy', { token: 't' }, { 'proxy-url': 'http://p' }],
  ])('with %s is refused, with another way', async (found, user, cluster) => {
    await expect(readKubeconfig([write('refused', config(user, cluster))])).rejects.toMatchObject({ code: 'usage', problems: [{ found, todo: expect.stringContaining('kubectl create token') }] });
  });

  test('without its context, cluster or user is refused with every problem', async () => {
    const broken = config({}, {}, { contexts: [{ name: 'x', context: { cluster: 'other', user: 'other' } }] });
    await expect(readKubeconfig([write('broken', broken)])).rejects.toMatchObject({ code: 'usage', problems: [{ where: 'clusters' }, { where: 'users' }, { where: 'cluster.server' }] });
  });

  test('that is not there is the environment', async () => {
    for (const paths of [[join(folder, 'none')], [join(folder, 'none'), join(folder, 'nor-this')]]) await expect(readKubeconfig(paths)).rejects.toMatchObject({ code: 'environment' });
  });

  test('that is not YAML is refused without a word of what is in it', async () => {
    await expect(readKubeconfig([write('odd', 'users: [{name: u, user: {token: hunter2')])).rejects.toSatisfy((error: Error) => !JSON.stringify([error.message, error.cause]).includes('hunter2'));
  });
});
