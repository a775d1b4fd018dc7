import { expect, test } from 'vitest';
import { canonicalJson } from '../../../src/bytes/canonical-json.ts';
import { digestOf } from '../../../src/bytes/digest.ts';
import { helmMediaTypes } from '../../../src/contract/artifacts.ts';
import { ociMediaTypes, type Descriptor } from '../../../src/contract/oci.ts';
import { planPush } from '../../../src/kit/push/push-plan.ts';
import type { KitDocument } from '../../../src/kit/verify/contents.ts';

const refName = 'org.opencontainers.image.ref.name';
const layer: Descriptor = { mediaType: ociMediaTypes.layer, digest: `sha256:${'1'.repeat(64)}`, size: 7 };
const config: Descriptor = { mediaType: ociMediaTypes.config, digest: `sha256:${'2'.repeat(64)}`, size: 8 };

function document(path: string, value: unknown): KitDocument {
  const bytes = Buffer.from(canonicalJson(value));
  return { record: { path, size: bytes.length, sha256: digestOf(bytes).slice(7), mediaType: '', role: 'oci' }, bytes };
}

/** One manifest and an index.json that names it so. */
function layout(folder: string, name: string, extra: readonly Descriptor[] = [], more: object = {}): KitDocument[] {
  const manifest = { schemaVersion: 2, mediaType: ociMediaTypes.manifest, config, layers: [layer], ...more };
  const { bytes } = document('', manifest);
  const descriptor = { mediaType: ociMediaTypes.manifest, digest: digestOf(bytes), size: bytes.length };
  return [
    document(`${folder}index.json`, { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [{ ...descriptor, annotations: { [refName]: name } }, ...extra] }),
    document(`${folder}blobs/sha256/${descriptor.digest.slice(7)}`, manifest),
  ];
}

const named = (folder: string, name: string, version = '1.0.0') => planPush(layout(folder, name), version).flatMap((plan) => plan.tags.map(({ tag }) => `${plan.name}:${tag}`));

test('names become repositories and tags', () => {
  expect(named('', 'observer-1.0.0')).toEqual(['observer:1.0.0']);
  expect(named('', 'zastava-chart-1.0.0-rc.1', '1.0.0-rc.1')).toEqual(['zastava-chart:1.0.0-rc.1']);
  expect(named('signatures/', `observer-sha256-${'a'.repeat(64)}.sig`)).toEqual([`observer:sha256-${'a'.repeat(64)}.sig`]);
  expect(named('debug-store/', 'befc0308')).toEqual(['debug-store:befc0308']);
});

test('a chart goes into a repository of its own name, which must be one', () => {
  const chart = (title: string) => layout('artifacts/', 'chart-1.0.0', [], { config: { ...config, mediaType: helmMediaTypes.config }, annotations: { 'org.opencontainers.image.title': title } });
  expect(planPush(chart('zastava'), '1.0.0').map(({ name, tags }) => [name, tags.map(({ tag }) => tag)])).toEqual([['zastava', ['1.0.0']]]);
  expect(() => planPush(chart('../zastava'), '1.0.0')).toThrow(expect.objectContaining({ code: 'kit.oci-invalid' }));
  expect(named('artifacts/', 'manifests-1.0.0')).toEqual(['manifests:1.0.0']);
});

test('a version with build metadata becomes a tag as Helm writes it', () => {
  expect(named('', 'observer-1.0.0+5', '1.0.0+5')).toEqual(['observer:1.0.0_5']);
});

test.each(['observer', 'observer-2.0.0', '-1.0.0', '../up-1.0.0', 'Upper-1.0.0'])('the name %s is refused', (name) => {
  expect(() => named('', name)).toThrow(expect.objectContaining({ code: 'kit.oci-invalid' }));
});

test('a referrer of something that has no name is refused', () => {
  const referrer = document('', { schemaVersion: 2, mediaType: ociMediaTypes.manifest, config, layers: [], subject: { ...layer, digest: `sha256:${'9'.repeat(64)}` } });
  const descriptor = { mediaType: ociMediaTypes.manifest, digest: digestOf(referrer.bytes), size: referrer.bytes.length };
  const documents = [...layout('', 'observer-1.0.0', [descriptor]), { ...referrer, record: { ...referrer.record, path: `blobs/sha256/${descriptor.digest.slice(7)}` } }];
  expect(() => planPush(documents, '1.0.0')).toThrow(expect.objectContaining({ code: 'kit.oci-invalid' }));
});
