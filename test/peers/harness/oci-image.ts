/** Images of a test's own, as archives to import: an index of one manifest for linux/amd64, of one layer. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pack, type Header } from 'tar-stream';
import { ociMediaTypes } from '../../../src/contract/oci.ts';

/** A file, link or folder (with neither content nor target) of the image, below its root. */
export interface ImageFile {
  readonly path: string;
  readonly content?: Uint8Array;
  readonly target?: string;
  /** Default: 0755. */
  readonly mode?: number;
  /** Uid and gid; default root. */
  readonly owner?: number;
}

/** The three digests that name it. */
export interface ImageDigests {
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
}

/** Writes the archive. @param name As containerd lists it. @param config Of the container, as in the image's config. */
export async function writeImage(path: string, name: string, files: readonly ImageFile[], config: object): Promise<ImageDigests> {
  const blobs: ImageFile[] = [];
  const put = (content: Uint8Array, mediaType: string): { mediaType: string; digest: string; size: number } => {
    const hex = createHash('sha256').update(content).digest('hex');
    blobs.push({ path: `blobs/sha256/${hex}`, content });
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const putJson = (value: object, mediaType: string) => put(Buffer.from(JSON.stringify(value)), mediaType);
  const platform = { os: 'linux', architecture: 'amd64' };
  const layer = put(await renderTar(files), 'application/vnd.oci.image.layer.v1.tar');
  const stored = putJson({ ...platform, config, rootfs: { type: 'layers', diff_ids: [layer.digest] } }, ociMediaTypes.config);
  const manifest = putJson({ schemaVersion: 2, mediaType: ociMediaTypes.manifest, config: stored, layers: [layer] }, ociMediaTypes.manifest);
  const index = putJson({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [{ ...manifest, platform }] }, ociMediaTypes.index);
  const outer = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [{ ...index, annotations: { 'io.containerd.image.name': name } }] };
  const json = (file: string, value: object): ImageFile => ({ path: file, content: Buffer.from(JSON.stringify(value)) });
  writeFileSync(path, await renderTar([json('oci-layout', { imageLayoutVersion: '1.0.0' }), json('index.json', outer), ...blobs]));
  return { index: index.digest, manifest: manifest.digest, config: stored.digest };
}

function renderTar(files: readonly ImageFile[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, content, target, mode = 0o755, owner = 0 } of files) {
    const kind: Partial<Header> = target !== undefined ? { type: 'symlink', linkname: target } : { type: content === undefined ? 'directory' : 'file' };
    archive.entry({ name: path, ...kind, mode, uid: owner, gid: owner, mtime: new Date(0) }, Buffer.from(content ?? []));
  }
  archive.finalize();
  return buffer(archive);
}
