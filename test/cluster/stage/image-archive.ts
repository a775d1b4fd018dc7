/** Images as archives that containerd imports: OCI layouts as tar, for the machine's own platform. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { ociMediaTypes, type Descriptor, type Digest } from '../../../src/contract/oci.ts';
import { writeLayer, type LayerEntry } from '../../../src/images/layer.ts';

export interface ArchivedImage {
  /** As a Pod refers to it, with a tag. */
  readonly name: string;
  readonly manifest: Descriptor;
  readonly blobs: ReadonlyMap<Digest, string | Uint8Array>;
}

/** The config of an image, as far as the stage needs it. */
interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly User?: string;
}

const epoch = 1_700_000_000;
/** Of the machine. */
export const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };

/** An image of one layer. @param layer the file to write it to; it stays in use. */
export async function imageOf(name: string, entries: readonly LayerEntry[], layer: string, config: ImageConfig): Promise<ArchivedImage> {
  const blobs = new Map<Digest, string | Uint8Array>();
  const { digest, size, diffId } = await writeLayer(entries, layer, epoch);
  blobs.set(digest, layer);
  const put = (value: object, mediaType: Descriptor['mediaType']): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(value));
    const descriptor = { mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest, size: bytes.length };
    blobs.set(descriptor.digest, bytes);
    return descriptor;
  };
  const described = put({ ...platform, config, rootfs: { type: 'layers', diff_ids: [diffId] } }, ociMediaTypes.config);
  return { name, manifest: put({ schemaVersion: 2, mediaType: ociMediaTypes.manifest, config: described, layers: [{ mediaType: ociMediaTypes.layer, digest, size }] }, ociMediaTypes.manifest), blobs };
}

export async function writeArchive(path: string, images: readonly ArchivedImage[]): Promise<void> {
  const archive = pack();
  const written = pipeline(archive as AsyncIterable<Uint8Array>, createWriteStream(path));
  const add = async (name: string, content: string | Uint8Array): Promise<void> => {
    if (typeof content === 'string') await pipeline(createReadStream(content), archive.entry({ name, size: statSync(content).size }));
    else archive.entry({ name }, Buffer.from(content));
  };
  await add('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  const manifests = images.map(({ name, manifest }) => ({ ...manifest, platform, annotations: { 'io.containerd.image.name': name } }));
  await add('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests })));
  for (const [digest, content] of new Map(images.flatMap(({ blobs }) => [...blobs]))) await add(`blobs/sha256/${digest.slice('sha256:'.length)}`, content);
  archive.finalize();
  await written;
}
