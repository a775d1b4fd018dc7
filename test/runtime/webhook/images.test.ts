import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { listImages } from '../../../src/runtime/webhook/images.ts';

const typeFolder = dirname(fileURLToPath(import.meta.resolve('kubernetes-models/v1/PodSpec')));

/** Every text field below PodSpec in the API's own types whose name or type speaks of an image. */
function imageFields(type: string, seen: Set<string> = new Set()): string[] {
  if (seen.has(type)) return [];
  seen.add(type);
  const text = readFileSync(join(typeFolder, `${type}.d.ts`), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const own = [...text.matchAll(/"(\w+)"\??: string;/g)].map((match) => match[1] ?? '');
  const fields = own.filter((field) => /^image$/i.test(field) || (/image/i.test(type) && field === 'reference')).map((field) => `${type}.${field}`);
  const below = [...text.matchAll(/from "\.\/(\w+)\.js"/g)].flatMap((match) => imageFields(match[1] ?? '', seen));
  return [...fields, ...below];
}

test('every field of the Kubernetes API by which a Pod names a container image is read', () => {
  // The images of RBD volumes are block devices in Ceph, not container images.
  expect([...new Set(imageFields('PodSpec'))].toSorted()).toEqual(['Container.image', 'EphemeralContainer.image', 'ImageVolumeSource.reference', 'RBDVolumeSource.image']);
});

test('a sidecar is an init container and is read as one', () => {
  expect(listImages({ initContainers: [{ restartPolicy: 'Always', image: 'proxy:1' }] }, 'spec', [])).toEqual([{ where: 'spec.initContainers[0].image', name: 'proxy:1' }]);
});

test('lists and volumes that are absent or null name no image', () => {
  expect(listImages({ containers: null, volumes: [{ image: null }, { emptyDir: {} }] }, 'spec', [])).toEqual([]);
});
