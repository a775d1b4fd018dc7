/** The verb: what it prints, what it ends with, where it takes credentials from. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli/zastava/program.ts';
import { runHere, type Outcome } from '../../fakes/command-run.ts';
import { OciRegistry } from '../../fakes/oci-registry.ts';
import { TestPki } from '../../fakes/test-pki.ts';
import { makeTinyKit, type TinyKit } from '../../kit/tiny-kit.ts';

let kit: TinyKit;
let pki: TestPki;
beforeAll(async () => {
  [kit, pki] = [await makeTinyKit(), await TestPki.make()];
  await writeFile(join(kit.folder, 'ca.pem'), pki.ca);
});
afterAll(() => rm(kit.folder, { recursive: true }));

function push(registry: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
  return runHere(buildProgram(), ['kit', 'push', kit.path, registry, '--key', kit.publicKey, ...args], { DOCKER_CONFIG: kit.folder, ...env });
}

const basic = `Basic ${Buffer.from('zastava:hunter2').toString('base64')}`;
const secured = () => OciRegistry.start({ pki, auth: { challenge: 'Basic realm="x"', expected: basic } });

async function writeConfig(name: string, host: string): Promise<string> {
  await writeFile(join(kit.folder, name), JSON.stringify({ credsStore: 'desktop', auths: { 'other.internal': {}, [host]: { auth: Buffer.from('zastava:hunter2').toString('base64') } } }));
  return join(kit.folder, name);
}

test('pushes over TLS of a private authority with the credentials of the docker config', async () => {
  await using registry = await secured();
  await writeConfig('config.json', registry.host);
  const { code, stdout, stderr } = await push(`${registry.host}/site`, ['--registry-ca', join(kit.folder, 'ca.pem')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain(`${registry.host}/site/app:0.1.0`);
  expect(registry.repository('site/app').tags.get('0.1.0')).toBe(kit.plan.images[0]!.index.digest);
});

test('--json prints one document and nothing else; --quiet nothing', async () => {
  await using registry = await OciRegistry.start();
  const { code, stdout, stderr } = await push(registry.host, ['--plain-http', '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, manifests: { sent: 14 }, tags: expect.arrayContaining([expect.objectContaining({ name: `${registry.host}/app:0.1.0`, isNew: true })]) });
  expect(await push(registry.host, ['--plain-http', '--quiet'])).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('without credentials ends with 1, and says where they would be', async () => {
  await using registry = await secured();
  const { code, stderr } = await push(registry.host, ['--registry-ca', join(kit.folder, 'ca.pem')], { DOCKER_CONFIG: join(kit.folder, 'none') });
  expect(code).toBe(1);
  expect(stderr).toMatch(/registry\.rejected.*docker config/);
});

test('a registry that is not there ends with 3', async () => {
  const registry = await OciRegistry.start();
  const { host } = registry;
  await registry[Symbol.asyncDispose]();
  expect((await push(host, ['--plain-http'])).code).toBe(3);
}, 60_000);

test.each(['registry', 'https://registry.internal', 'registry.internal/UP', '', 'registry.internal/a:1'])('%j as registry ends with 2', async (registry) => {
  const { code, stderr } = await push(registry);
  expect(code).toBe(2);
  expect(stderr).toMatch(/usage/);
});
