/** Artifacts of the tiny kit, as their readers look at them: media types, config, one layer, annotations, names. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/bytes/digest.ts';
import { helmMediaTypes, manifestsArtifactType } from '../../../src/contract/artifacts.ts';
import { ociMediaTypes, type OciManifest } from '../../../src/contract/oci.ts';
import { buildArtifacts, type BuiltArtifact } from '../../../src/kit/artifacts/build-artifacts.ts';
import { packFolder } from '../../../src/kit/artifacts/pack-folder.ts';
import type { KitPlan } from '../../../src/kit/assemble-kit.ts';
import { tinyPlan } from '../tiny-kit.ts';
import { chartFolder, withArtifacts } from './artifact-plan.ts';

let folder: string;
let plan: KitPlan;
let artifacts: BuiltArtifact[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifacts-'));
  plan = await tinyPlan(folder);
  artifacts = await buildArtifacts(withArtifacts(plan));
});
afterAll(() => rm(folder, { recursive: true }));

function manifestOf({ layout, descriptor }: BuiltArtifact): OciManifest {
  return JSON.parse(Buffer.from(layout.blobs.find((blob) => blob.descriptor.digest === descriptor.digest)!.bytes).toString()) as OciManifest;
}

function bytesOf({ layout }: BuiltArtifact, digest: string): Uint8Array {
  return layout.blobs.find((blob) => blob.descriptor.digest === digest)!.bytes;
}

const standard = { 'org.opencontainers.image.created': '2026-01-02T03:04:05Z', 'org.opencontainers.image.version': '0.1.0', 'org.opencontainers.image.description': 'Nearly nothing', 'org.opencontainers.image.licenses': 'Apache-2.0' };

test('manifests: one layer of an image\'s media type, an empty config, a type of their own', () => {
  const manifest = manifestOf(artifacts[0]!);
  expect(manifest).toMatchObject({ artifactType: manifestsArtifactType, config: { mediaType: ociMediaTypes.empty, size: 2 }, annotations: { ...standard, 'org.opencontainers.image.title': 'Tiny', 'vnd.zastava.kit.folder': 'manifests/' } });
  const source = plan.sources.get('dist/manifests/deployment.yaml') as Uint8Array;
  expect(manifest.layers).toEqual([{ mediaType: ociMediaTypes.layer, digest: digestOf(packFolder(new Map([['deployment.yaml', source]]), plan.recipe.epoch)), size: 2048 + 23 }]);
  expect(artifacts[0]).toMatchObject({ repository: 'manifests', layout: { entries: [{ artifactType: manifestsArtifactType, annotations: { 'org.opencontainers.image.ref.name': 'manifests-0.1.0' } }] } });
});

test('a chart: helm\'s types, its metadata as config, everything below its name', () => {
  const manifest = manifestOf(artifacts[1]!);
  expect(manifest.artifactType).toBeUndefined();
  expect(manifest.annotations).toEqual({ ...standard, 'org.opencontainers.image.title': 'tiny' });
  expect(manifest.config.mediaType).toBe(helmMediaTypes.config);
  expect(JSON.parse(Buffer.from(bytesOf(artifacts[1]!, manifest.config.digest)).toString())).toEqual({ apiVersion: 'v2', name: 'tiny', version: '0.1.0', keywords: ['small'] });
  const { sources } = withArtifacts(plan);
  const files = ['Chart.yaml', 'templates/app.yaml'].map((path) => [`tiny/${path}`, sources.get(`${chartFolder}/${path}`) as Uint8Array] as const);
  expect(manifest.layers.map(({ mediaType, digest }) => [mediaType, digest])).toEqual([[helmMediaTypes.chart, digestOf(packFolder(new Map(files), plan.recipe.epoch))]]);
  expect(artifacts[1]).toMatchObject({ repository: 'tiny', layout: { entries: [{ annotations: { 'org.opencontainers.image.ref.name': 'chart-0.1.0' } }] } });
});

test('the same sources give the same artifacts', async () => {
  expect((await buildArtifacts(withArtifacts(plan))).map(({ descriptor }) => descriptor)).toEqual(artifacts.map(({ descriptor }) => descriptor));
});

describe('is refused, and says why:', () => {
  test.each([
    ['a chart of another version than the kit', { 'Chart.yaml': 'name: tiny\nversion: 0.2.0\n' }, /version 0\.1\.0/, '0.2.0'],
    ['a chart without a name', { 'Chart.yaml': 'version: 0.1.0\n' }, /name of a chart/, 'undefined'],
    ['a name that is a path', { 'Chart.yaml': 'name: ../tiny\nversion: 0.1.0\n' }, /name of a chart/, '../tiny'],
    ['a folder that is no chart', { 'Chart.yaml': undefined }, /name of a chart/, 'undefined'],
    ['an empty folder', { 'Chart.yaml': undefined, 'templates/app.yaml': undefined }, /files below/, 'none'],
  ])('%s', async (_, files, expected, found) => {
    await expect(buildArtifacts(withArtifacts(plan, files))).rejects.toMatchObject({ code: 'kit.recipe-invalid', problems: [{ expected: expect.stringMatching(expected) as string, found }] });
  });
});
