import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/bytes/digest.ts';
import type { KitManifest } from '../../src/contract/kit-format.ts';
import type { OciIndex } from '../../src/contract/oci.ts';
import { assembleKit, type KitPlan } from '../../src/kit/assemble-kit.ts';
import { makeTinyKit, tinyImage, tinyPlan } from './tiny-kit.ts';

async function entriesOf(path: string): Promise<Map<string, Buffer>> {
  const reader = extract();
  reader.end(zstdDecompressSync(await readFile(path)));
  const entries = new Map<string, Buffer>();
  for await (const entry of reader) entries.set(entry.header.name, Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)));
  return entries;
}

async function newPlan(): Promise<KitPlan> {
  return tinyPlan(await mkdtemp(join(tmpdir(), 'assemble-')));
}

describe('a kit', () => {
  test('is the same bytes when made twice in two places', async () => {
    const [one, two] = await Promise.all([makeTinyKit(), makeTinyKit()]);
    expect(one.folder).not.toBe(two.folder);
    expect(one.sha256).toBe(two.sha256);
    for (const file of ['path', 'signature', 'bundle'] as const) expect(await readFile(one[file])).toEqual(await readFile(two[file]));
    expect(await readdir(one.plan.to)).toEqual(['tiny-0.1.0.tar.zst', 'tiny-0.1.0.tar.zst.sig', 'tiny-0.1.0.tar.zst.sigstore.json']);
  });

  test('starts with manifest, signature, layout and index; the rest is sorted, and the manifest lists all of it', async () => {
    const entries = await entriesOf((await makeTinyKit()).path);
    const paths = [...entries.keys()];
    expect(paths.slice(0, 4)).toEqual(['offline-manifest.json', 'offline-manifest.json.jws', 'oci-layout', 'index.json']);
    expect(paths.slice(4)).toEqual(paths.slice(4).sort());
    const manifest = JSON.parse(entries.get('offline-manifest.json')!.toString()) as KitManifest;
    expect(manifest.files.map(({ path, size, sha256 }) => [path, size, sha256])).toEqual(
      [...entries].slice(2).map(([path, bytes]) => [path, bytes.length, sha256Hex(bytes)]),
    );
    expect(new Set(manifest.files.map(({ role }) => role))).toEqual(new Set(['oci', 'document', 'catalogue', 'rules', 'manifests', 'tool']));
  });

  test('names each image twice: for tools by ref name and tag, for Pods by digest', async () => {
    const entries = await entriesOf((await makeTinyKit()).path);
    const index = JSON.parse(entries.get('index.json')!.toString()) as OciIndex;
    const manifests = index.manifests.filter(({ artifactType }) => artifactType === undefined);
    const digest = manifests[0]!.digest;
    expect(manifests.map((entry) => [entry.digest, entry.annotations])).toEqual([
      [digest, { 'io.containerd.image.name': 'registry.internal/tiny/app:0.1.0', 'org.opencontainers.image.ref.name': 'app-0.1.0' }],
      [digest, { 'io.containerd.image.name': `registry.internal/tiny/app@${digest}` }],
    ]);
  });

  test('holds a blob once that two images share', async () => {
    const kit = await makeTinyKit((plan) => ({
      ...plan,
      recipe: { ...plan.recipe, images: [plan.recipe.images[0]!, { ...plan.recipe.images[0]!, name: 'twin' }] },
      images: [...plan.images, { ...plan.images[0]!, name: 'twin' }],
    }));
    const entries = await entriesOf(kit.path);
    const { manifests } = JSON.parse(entries.get('index.json')!.toString()) as OciIndex;
    expect(manifests.filter(({ artifactType }) => artifactType === undefined)).toHaveLength(4);
    const layers = [...kit.plan.images[0]!.blobs.keys()].map((digest) => `blobs/sha256/${digest.slice(7)}`);
    expect([...entries.keys()].filter((path) => layers.includes(path))).toHaveLength(7);
  });

  test('holds documents from the checkout and from memory', async () => {
    const plan = await newPlan();
    await writeFile(join(plan.root, 'README.md'), 'on disk');
    const kit = await assembleKit({ ...plan, sources: new Map([...plan.sources].filter(([path]) => path !== 'README.md')) });
    expect((await entriesOf(kit.path)).get('README.md')?.toString()).toBe('on disk');
  });
});

describe('nothing is left behind', () => {
  test('when a source changes between hashing and writing', async () => {
    const plan = await newPlan();
    const layer = [...plan.images[0]!.blobs.values()].find(({ size }) => size < 100)!;
    const content = await readFile(layer.path);
    await writeFile(layer.path, Buffer.alloc(content.length, 'x'));
    await expect(assembleKit(plan)).rejects.toMatchObject({ code: 'environment', message: expect.stringMatching(/^The source of blobs\/sha256\/.* changed/) });
    expect(await readdir(plan.to)).toEqual([]);
  });

  test('when a blob is gone', async () => {
    const plan = await newPlan();
    const layer = [...plan.images[0]!.blobs.values()].find(({ size }) => size < 100)!;
    await rm(layer.path);
    await expect(assembleKit(plan)).rejects.toMatchObject({ code: 'environment', message: expect.stringMatching(/could not be written/) });
    expect(await readdir(plan.to)).toEqual([]);
  });

  test('and an older kit of that name stays as it was', async () => {
    const kit = await makeTinyKit();
    await rm([...kit.plan.images[0]!.blobs.values()].find(({ size }) => size < 100)!.path);
    await expect(assembleKit(kit.plan)).rejects.toMatchObject({ code: 'environment' });
    expect(sha256Hex(await readFile(kit.path))).toBe(kit.sha256);
  });
});

describe('a plan is refused', () => {
  test.each<[string, (plan: KitPlan) => Partial<KitPlan>, string]>([
    ['with a version that leads out of the folder', () => ({ version: '../1' }), 'usage'],
    ['with a signing time that is none', ({ notary }) => ({ notary: { ...notary, signedAt: '2026-13-01T00:00:00Z' } }), 'usage'],
    ['with a signing time in another zone', ({ notary }) => ({ notary: { ...notary, signedAt: '2026-01-01T00:00:00+02:00' } }), 'usage'],
    ['without an image of the recipe', () => ({ images: [] }), 'internal'],
    ['without manifests', ({ sources }) => ({ sources: new Map([...sources].filter(([path]) => !path.startsWith('dist/'))) }), 'kit.recipe-invalid'],
    ['with a manifest that no kit may hold', ({ sources }) => ({ sources: new Map([...sources, ['dist/manifests/a b.yaml', Buffer.alloc(0)]]) }), 'kit.recipe-invalid'],
    ['without a document', ({ sources }) => ({ sources: new Map([...sources].filter(([path]) => path !== 'tool.mjs')) }), 'environment'],
  ])('%s', async (_name, change, code) => {
    const plan = await newPlan();
    await expect(assembleKit({ ...plan, ...change(plan) })).rejects.toMatchObject({ code });
  });

  test('with an image that lacks a blob', async () => {
    const plan = await newPlan();
    const whole = await tinyImage(join(plan.root, 'cache'), 'app');
    const blobs = new Map([...whole.blobs].filter(([, { size }]) => size > 100));
    await expect(assembleKit({ ...plan, images: [{ ...whole, blobs }] })).rejects.toMatchObject({ code: 'kit.closure-missing', problems: [{ found: 'none' }] });
  });
});
