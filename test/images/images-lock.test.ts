import { expect, it } from 'vitest';
import { digestOf } from '../../src/bytes/digest.ts';
import { ociMediaTypes, platforms, type Descriptor } from '../../src/contract/oci.ts';
import type { BuiltImage } from '../../src/images/image.ts';
import { renderImagesLock } from '../../src/images/images-lock.ts';

const descriptor = (text: string): Descriptor => ({ mediaType: ociMediaTypes.manifest, digest: digestOf(text), size: text.length });
const image = (name: string): BuiltImage => ({
  name, index: descriptor(name), blobs: new Map(),
  children: platforms.map((platform) => ({ platform, descriptor: descriptor(`${name} ${platform.architecture}`), components: [] })),
});

it('the lock has index and platforms of each image, sorted by name', () => {
  expect(renderImagesLock([image('b'), image('a')])).toBe(renderImagesLock([image('a'), image('b')]));
  expect(JSON.parse(renderImagesLock([image('a')]))).toEqual({ images: { a: { index: digestOf('a'), platforms: { 'linux/amd64': digestOf('a amd64'), 'linux/arm64': digestOf('a arm64') } } } });
});
