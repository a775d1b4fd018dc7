/** Kits whose files and layouts are right, and whose artifacts are what they should be, or are not. */
import { readFile, rm } from 'node:fs/promises';
import { gzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { storedGzip } from '../../../src/bytes/stored-gzip.ts';
import { helmMediaTypes } from '../../../src/contract/artifacts.ts';
import { kitPaths, type KitManifest } from '../../../src/contract/kit-format.ts';
import { ociMediaTypes, type Descriptor, type OciIndex, type OciManifest } from '../../../src/contract/oci.ts';
import { packFolder } from '../../../src/kit/artifacts/pack-folder.ts';
import { openKit } from '../../../src/kit/open-kit.ts';
import { verifyKit } from '../../../src/kit/verify/verify-kit.ts';
import { withArtifacts } from '../artifacts/artifact-plan.ts';
import { replace, seal, splitTar, verify, type SealedFile } from '../sealed-kit.ts';
import { makeTinyKit, testSigner, type TinyKit } from '../tiny-kit.ts';

let kit: TinyKit;
let files: SealedFile[];

beforeAll(async () => {
  kit = await makeTinyKit(withArtifacts);
  const [manifest, , ...rest] = splitTar(zstdDecompressSync(await readFile(kit.path)));
  const records = (JSON.parse(manifest!.bytes.toString()) as KitManifest).files;
  files = rest.map(({ path, bytes }, at) => ({ path, bytes, role: records[at]!.role, mediaType: records[at]!.mediaType }));
});
afterAll(() => rm(kit.folder, { recursive: true }));

const index = kitPaths.artifacts + kitPaths.ociIndex;
const json = <T>(path: string): T => JSON.parse(files.find((file) => file.path === path)!.bytes.toString()) as T;
const pathOf = ({ digest }: Pick<Descriptor, 'digest'>): string => kitPaths.artifacts + kitPaths.blobs + digest.slice('sha256:'.length);

function entryOf(name: string): Descriptor {
  return json<OciIndex>(index).manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === `${name}-0.1.0`)!;
}

function blobOf(mediaType: string, content: Uint8Array | string): SealedFile & { descriptor: Descriptor } {
  const bytes = Buffer.from(content);
  const descriptor: Descriptor = { mediaType, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length };
  return { descriptor, path: pathOf(descriptor), bytes, mediaType, role: 'oci' };
}

/** The kit with one artifact of another manifest or layers, and without what was attested of any: the layout holds. */
async function problemsWith(name: string, change: (manifest: OciManifest) => object, layers: readonly SealedFile[] = []): Promise<(string | undefined)[]> {
  const entry = entryOf(name);
  const other = json<OciIndex>(index).manifests.filter(({ digest, annotations }) => annotations !== undefined && digest !== entry.digest);
  const manifest = json<OciManifest>(pathOf(entry));
  const next: OciManifest = { ...manifest, ...change(manifest) };
  const made = blobOf(ociMediaTypes.manifest, canonicalJson(next));
  const kept = [...other.flatMap((one) => [one, json<OciManifest>(pathOf(one)).config, ...json<OciManifest>(pathOf(one)).layers]), next.config, ...next.layers].map(pathOf);
  const without = files.filter(({ path }) => path.startsWith(kitPaths.artifacts + kitPaths.blobs) && !kept.includes(path)).map(({ path }) => [path, undefined]);
  const changed = replace(files, { ...Object.fromEntries(without), [index]: canonicalJson({ ...json<OciIndex>(index), manifests: [...other, { ...entry, ...made.descriptor }] }) });
  const [head1, head2, ...rest] = [...changed, made, ...layers];
  const sorted = [...new Map(rest.map((file) => [file.path, file])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const report = await verify(await seal([head1!, head2!, ...sorted.map(({ path, bytes, mediaType, role }) => ({ path, bytes, mediaType, role }))]));
  expect(report.checks.find((check) => check.name === 'OCI layout')).toMatchObject({ ok: true });
  return report.checks.find((check) => check.name === 'artifacts')!.problems.map(({ code, expected }) => `${code}: ${expected}`);
}

test('a kit with artifacts is verified, and says how many', async () => {
  const opened = await openKit(kit.path);
  const report = await verifyKit(opened.stream(), { keyPem: (await testSigner()).publicKeyPem, signatures: opened.signatures });
  expect(report.checks.flatMap(({ problems }) => problems)).toEqual([]);
  expect(report.checks.find(({ name }) => name === 'artifacts')).toMatchObject({ count: 2, ok: true });
  // Index and two platforms: signature, tag and provenance each, and two bills of materials. Two artifacts: three each.
  expect(report.checks.find(({ name }) => name === 'attestations')).toMatchObject({ count: 3 * 3 + 2 + 2 * 3, ok: true });
});

test('without what is attested of it, an artifact is named', async () => {
  const entry = entryOf('chart');
  const refs = json<OciIndex>(index).manifests.filter(({ digest, annotations }) => annotations === undefined && json<OciManifest>(pathOf({ digest })).subject?.digest === entry.digest);
  expect(refs).toHaveLength(2);
  const gone = refs.flatMap((ref) => [pathOf(ref), pathOf(json<OciManifest>(pathOf(ref)).layers[0]!)]);
  const changed = replace(files, { ...Object.fromEntries(gone.map((path) => [path, undefined])), [index]: canonicalJson({ ...json<OciIndex>(index), manifests: json<OciIndex>(index).manifests.filter(({ digest }) => !refs.some((ref) => ref.digest === digest)) }) });
  const report = await verify(await seal(changed));
  expect(report.checks.find(({ name }) => name === 'attestations')!.problems.map(({ where, expected }) => [where, expected])).toEqual([[entry.digest, 'its signature'], [entry.digest, 'its provenance']]);
});

describe('manifests', () => {
  const source = (): ReadonlyMap<string, Buffer> => new Map([['deployment.yaml', files.find(({ path }) => path === 'manifests/deployment.yaml')!.bytes]]);
  const layerOf = (content: ReadonlyMap<string, Buffer>) => blobOf(ociMediaTypes.layer, packFolder(content, kit.plan.recipe.epoch));

  test('packed anew as they are hold', async () => {
    const layer = layerOf(source());
    expect(await problemsWith('manifests', () => ({ layers: [layer.descriptor] }), [layer])).toEqual([]);
  });

  test.each([
    ['with a file more', () => new Map([...source(), ['more.yaml', Buffer.from('x: 1\n')]])],
    ['with a file less', () => new Map<string, Buffer>()],
    ['with another byte', () => new Map([['deployment.yaml', Buffer.from('{}')]])],
    ['under another name', () => new Map([['other.yaml', source().get('deployment.yaml')!]])],
  ])('%s are refused', async (_, content) => {
    const layer = layerOf(content());
    expect(await problemsWith('manifests', () => ({ layers: [layer.descriptor] }), [layer])).toEqual([expect.stringMatching(/^kit\.artifact-invalid: one layer of the kit's 1 files of manifests\/, sha256:/) as string]);
  });

  test('in two layers are refused, even where the first is right', async () => {
    const [layer, more] = [layerOf(source()), blobOf(ociMediaTypes.layer, 'more')];
    expect(await problemsWith('manifests', () => ({ layers: [layer.descriptor, more.descriptor] }), [layer, more])).toHaveLength(1);
  });

  test.each(['yesterday', '1969-01-01T00:00:00Z', undefined])('of the time %s are refused', async (created) => {
    expect(await problemsWith('manifests', ({ annotations }) => ({ annotations: JSON.parse(JSON.stringify({ ...annotations, 'org.opencontainers.image.created': created })) as object }))).toEqual([expect.stringContaining('the time of the files') as string]);
  });
});

describe('a chart', () => {
  const chart = (text: string) => blobOf(helmMediaTypes.chart, storedGzip(Buffer.from(text)));
  const digest = (): string => kit.plan.images[0]!.index.digest;

  test('that names an image of the kit holds', async () => {
    const layer = chart(`image: x/app@${digest()}`);
    expect(await problemsWith('chart', () => ({ layers: [layer.descriptor] }), [layer])).toEqual([]);
  });

  test.each([
    ['an image that the kit has not', () => chart(`a: x/app@${digest()}, b: y@sha256:${'0'.repeat(64)}`), 'kit.image-missing: these images in index.json'],
    ['no image by digest', () => chart('image: x/app:1'), 'kit.artifact-invalid: a chart that names images by digest'],
    ['nothing, since it is no gzip', () => blobOf(helmMediaTypes.chart, 'no gzip'), 'kit.artifact-invalid: a chart of at most 4194304 bytes, gzip'],
    ['more than there may be', () => blobOf(helmMediaTypes.chart, gzipSync(Buffer.alloc(4 * 1024 * 1024 + 1))), 'kit.artifact-invalid: a chart of at most 4194304 bytes, gzip'],
  ])('that names %s is refused', async (_, layer, expected) => {
    const made = layer();
    expect(await problemsWith('chart', () => ({ layers: [made.descriptor] }), [made])).toEqual([expected]);
  });

  test('of another layer, or of two, is refused', async () => {
    const [layer, more] = [chart(`@${digest()}`), blobOf(ociMediaTypes.layer, 'more')];
    const expected = [`kit.artifact-invalid: one layer, of ${helmMediaTypes.chart}`];
    expect(await problemsWith('chart', () => ({ layers: [more.descriptor] }), [more])).toEqual(expected);
    expect(await problemsWith('chart', () => ({ layers: [layer.descriptor, more.descriptor] }), [layer, more])).toEqual(expected);
  });

  test('whose config is of no known type is refused', async () => {
    const layer = chart(`@${digest()}`);
    const config = blobOf('application/vnd.other.v1', '{}');
    expect(await problemsWith('chart', () => ({ config: config.descriptor, layers: [layer.descriptor] }), [layer, config])).toEqual([expect.stringMatching(/^kit\.artifact-invalid: an artifact of /) as string]);
  });
});
