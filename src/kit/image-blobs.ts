/** Walks a built image from its index down, so that the kit holds every blob that it needs and none besides. */
import { readFile } from 'node:fs/promises';
import { ZastavaError } from '../contract/errors.ts';
import type { Descriptor, OciIndex, OciManifest } from '../contract/oci.ts';
import type { BuiltImage } from '../images/image.ts';

export interface ImageBlob {
  readonly descriptor: Descriptor;
  readonly file: string;
}

/** Index, manifests, configs and layers. A blob that the image lacks, or has with another size, is `kit.closure-missing`. */
export async function listBlobs(image: BuiltImage): Promise<ImageBlob[]> {
  const index = find(image, image.index);
  const blobs = [index];
  for (const descriptor of (await readJson<OciIndex>(index)).manifests) {
    const manifest = find(image, descriptor);
    const { config, layers } = await readJson<OciManifest>(manifest);
    blobs.push(manifest, ...[config, ...layers].map((child) => find(image, child)));
  }
  return blobs;
}

function find(image: BuiltImage, descriptor: Descriptor): ImageBlob {
  const blob = image.blobs.get(descriptor.digest);
  if (blob?.size === descriptor.size) return { descriptor, file: blob.path };
  throw new ZastavaError('kit.closure-missing', `The image ${image.name} is not whole.`, {
    problems: [{ where: descriptor.digest, expected: `a blob of ${descriptor.size} bytes`, found: blob === undefined ? 'none' : `${blob.size} bytes` }],
  });
}

async function readJson<T>({ file }: ImageBlob): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}
