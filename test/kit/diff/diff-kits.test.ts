import { generateKeyPairSync } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { diffKits, type DiffOptions, type KitDifference } from '../../../src/kit/diff/diff-kits.ts';
import type { KitPlan } from '../../../src/kit/assemble-kit.ts';
import { parseSigner, type Signer } from '../../../src/kit/keys.ts';
import { developmentLog } from '../../../src/kit/log/release-log.ts';
import { chunksOf, frame, seal, splitTar, tarOf, tinyFiles } from '../sealed-kit.ts';
import { makeTinyKit } from '../tiny-kit.ts';

async function tinyBytes(change?: (plan: KitPlan) => KitPlan): Promise<Buffer> {
  const kit = await makeTinyKit(change);
  const bytes = await readFile(kit.path);
  await rm(kit.folder, { recursive: true });
  return bytes;
}

function withSource(path: string, change: (text: string) => string): (plan: KitPlan) => KitPlan {
  return (plan) => ({ ...plan, sources: new Map([...plan.sources].map(([from, source]) => [from, from === path ? Buffer.from(change(String(source))) : source])) });
}

/** A new version of one package, in the images for some architectures. */
function bump(architectures: readonly string[]): (plan: KitPlan) => KitPlan {
  return (plan) => ({
    ...plan,
    images: plan.images.map((image) => ({ ...image, children: image.children.map((child) => (architectures.includes(child.platform.architecture)
      ? { ...child, components: child.components.map((component) => (component.name === 'libc6' ? { ...component, version: '9' } : component)) } : child)) })),
  });
}

let original: Buffer;

beforeAll(async () => {
  original = await tinyBytes();
});

async function diffWith(change: (plan: KitPlan) => KitPlan, options: DiffOptions = { ignoreSignatures: true }): Promise<KitDifference> {
  return diffKits(chunksOf(original), chunksOf(await tinyBytes(change)), options);
}

describe('two builds of the same sources', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let signer: Signer;
  beforeAll(async () => {
    signer = await parseSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'another key');
  });
  const signedByAnother = (plan: KitPlan): KitPlan => ({ ...plan, notary: { signer, log: developmentLog(signer), signedAt: '2027-01-02T03:04:06Z' } });

  test('with the same key do not differ at all', async () => {
    expect(await diffWith((plan) => plan, {})).toMatchObject({ same: true, changes: [] });
  });

  test('with another key do not differ, once signatures are ignored', async () => {
    const { same, changes, a, b } = await diffWith(signedByAnother);
    expect(changes).toEqual([]);
    expect(same).toBe(true);
    expect(a.sha256).not.toBe(b.sha256);
  });

  test('with another key differ in signatures alone: manifest, every attestation, signatures by tag', async () => {
    const { same, changes } = await diffWith(signedByAnother, {});
    expect(same).toBe(false);
    expect(new Set(changes.map(({ area }) => area))).toEqual(new Set(['signatures']));
    expect(changes.filter(({ what }) => what === 'offline-manifest.json.jws').map(({ field }) => field)).toEqual(['digest', 'signedAt', 'signer.keyId']);
    const about = [...new Set(changes.map(({ what }) => what))];
    expect(about).toContain('https://cyclonedx.org/bom of app linux/amd64');
    expect(about).toContain('https://slsa.dev/provenance/v1 of app');
    expect(about).toContain('signatures/');
  });
});

test('a manifest is compared object by object, with the paths of fields', async () => {
  const { changes } = await diffWith(withSource('dist/manifests/deployment.yaml', (text) => {
    const deployment = JSON.parse(text) as { spec: { replicas?: number; template: { spec: { hostPID?: boolean } } } };
    deployment.spec.replicas = 3;
    deployment.spec.template.spec.hostPID = true;
    return `${JSON.stringify(deployment)}\n---\n{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader","namespace":"tiny"},"rules":[]}\n`;
  }));
  expect(changes.filter(({ area }) => area === 'manifests')).toEqual([
    { area: 'manifests', kind: 'changed', what: 'Deployment app', field: 'spec.replicas', before: null, after: '3' },
    { area: 'manifests', kind: 'changed', what: 'Deployment app', field: 'spec.template.spec.hostPID', before: null, after: 'true' },
  ]);
  expect(changes.filter(({ area }) => area === 'permissions')).toMatchObject([{ kind: 'added', what: 'Role tiny/reader' }]);
});

test('an alert is compared by name: its condition, how long it lasts, that it is gone', async () => {
  const changed = await diffWith(withSource('rules.yaml', (text) => text.replace('> 1"', '> 2","for":"5m"')));
  expect(changed.changes.filter(({ area }) => area === 'alerts')).toMatchObject([
    { what: 'tiny: Slow', field: 'expr', before: 'rate(tiny_requests_total[5m]) > 1', after: 'rate(tiny_requests_total[5m]) > 2' },
    { what: 'tiny: Slow', field: 'for', before: null, after: '5m' },
  ]);
  const gone = await diffWith(withSource('rules.yaml', () => '{"groups":[]}'));
  expect(gone.changes.filter(({ area }) => area === 'alerts')).toMatchObject([{ kind: 'removed', what: 'tiny: Slow' }]);
});

test('a package is one change for all images that have it, and names those when not all have', async () => {
  expect((await diffWith(bump(['amd64', 'arm64']))).changes).toEqual([{ area: 'packages', kind: 'changed', what: 'deb libc6', field: '', before: '2.41-12+deb13u5 (LGPL-2.1)', after: '9 (LGPL-2.1)' }]);
  expect((await diffWith(bump(['arm64']))).changes).toMatchObject([{ what: 'deb libc6', field: 'app linux/arm64' }]);
});

test('an image is compared by digest for each platform', async () => {
  const { changes } = await diffWith((plan) => ({ ...plan, version: '0.2.0' }));
  expect(changes.filter(({ area }) => area === 'kit')).toEqual([{ area: 'kit', kind: 'changed', what: 'tiny', field: 'version', before: '0.1.0', after: '0.2.0' }]);
  expect(changes.filter(({ area }) => area === 'images').map(({ what, field }) => [what, field])).toEqual([['app', 'references']]);
});

test('values are compared path by path, documents by digest', async () => {
  const files = (await tinyFiles()).filter(({ path }) => path !== 'tools/tool.mjs');
  const withValues = (text: string): typeof files => [...files, { path: 'values.yaml', role: 'values', mediaType: 'application/yaml', bytes: Buffer.from(text) }];
  const [a, b] = await Promise.all([seal(withValues('zastava: {tenant: a, keep: 1}\n')), seal(withValues('# new\nzastava: {tenant: b, keep: 1}\n'))]);
  const { changes } = await diffKits(chunksOf(a.bytes), chunksOf(b.bytes), { ignoreSignatures: true });
  expect(changes).toMatchObject([
    { area: 'values', what: 'values.yaml', field: 'zastava.tenant', before: 'a', after: 'b' },
    { area: 'documents', what: 'values.yaml', kind: 'changed' },
  ]);
});

test('a kit whose files are not those of its manifest is not compared', async () => {
  const { tar } = await seal(await tinyFiles());
  const entries = splitTar(tar).map(({ path, bytes }) => ({ path, bytes: path === 'README.md' ? Buffer.from('# Evil\n') : bytes }));
  await expect(diffKits(chunksOf(original), chunksOf(frame(tarOf(entries))))).rejects.toMatchObject({ code: 'kit.entry-digest' });
});
