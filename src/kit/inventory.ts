/**
 * What goes into a kit: documents, manifests, the OCI layouts of its images and of its artifacts with what is attested of
 * them, and the layout of cosign's signatures by tag; each file with size, digest, media type and role, sorted as the archive wants it. Blobs have their digests from the image build; all else is hashed here, once.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '../bytes/canonical-json.ts';
import { sha256Hex } from '../bytes/digest.ts';
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { kitHead, kitPaths } from '../contract/kit-format.ts';
import { isKitPath } from '../contract/kit-path.ts';
import { ociAnnotations, ociLayout, ociMediaTypes, type Descriptor, type OciIndex } from '../contract/oci.ts';
import type { BuiltImage } from '../images/image.ts';
import type { Source } from './archive.ts';
import { gatherDebugStore, type DebugInput } from './debug/debug-store.ts';
import { buildArtifacts } from './artifacts/build-artifacts.ts';
import { attestContents, type AttestInput } from './attest/attest-contents.ts';
import { joined, type LayoutPart } from './attest/blob.ts';
import { listBlobs } from './image-blobs.ts';
import type { KitFile } from './kit-file.ts';
import { mediaTypeOf } from './recipe.ts';

/** Of what is attested: the version is also the images' tag, and `<registry>/<name>` are their repositories. */
export interface InventoryInput extends AttestInput {
  readonly images: readonly BuiltImage[];
  /** Bytes or file by the path that the recipe's `from` gives; what is not here is read from `root`. */
  readonly sources: ReadonlyMap<string, Source>;
  /** The checkout's folder. */
  readonly root: string;
  /** Symbols; without, the kit has no debug store. */
  readonly debug?: DebugInput;
}

/** All files of the kit but the manifest and its signature, in archive order. */
export async function gatherInventory(input: InventoryInput): Promise<KitFile[]> {
  const images = input.recipe.images.map(({ name }) => built(name, input.images));
  const blobs = await blobFiles(images);
  const documents = [...(await documentFiles(input)), ...(await manifestFiles(input))];
  const artifacts = await buildArtifacts(input);
  const values = documents.filter(({ role }) => role === 'values');
  const attested = attestContents({ images, artifacts, values }, input);
  const files = [
    ...layoutFiles('', joined([{ entries: images.flatMap((image) => namedEntries(image, input)), blobs: [] }, attested.ofImages])),
    ...blobs,
    ...layoutFiles(kitPaths.signatures, attested.signatures),
    ...(artifacts.length === 0 ? [] : layoutFiles(kitPaths.artifacts, joined([...artifacts.map(({ layout }) => layout), attested.ofArtifacts]))),
    ...documents,
    ...(await debugFiles(input)),
  ];
  refuseClashes(files);
  return files.sort((a, b) => rank(a.path) - rank(b.path) || (a.path < b.path ? -1 : 1));
}

function built(name: string, images: readonly BuiltImage[]): BuiltImage {
  const image = images.find((candidate) => candidate.name === name);
  if (image === undefined) throw new ZastavaError('internal', `The recipe has an image ${name}, which was not built.`);
  return image;
}

function rank(path: string): number {
  const index = kitHead.indexOf(path);
  return index === -1 ? kitHead.length : index;
}

/** An OCI layout in the kit's folder `folder` (ends with `/`, or is empty), with the blobs that are in memory. */
function layoutFiles(folder: string, { entries, blobs }: LayoutPart): KitFile[] {
  const index: OciIndex = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: entries };
  const files = [
    fileOf(folder + kitPaths.ociLayout, 'application/vnd.oci.layout.header.v1+json', Buffer.from(canonicalJson(ociLayout))),
    fileOf(folder + kitPaths.ociIndex, ociMediaTypes.index, Buffer.from(canonicalJson(index))),
    ...blobs.map(({ descriptor, bytes }) => fileOf(`${folder}${kitPaths.blobs}${descriptor.digest.slice('sha256:'.length)}`, descriptor.mediaType, bytes)),
  ];
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

/**
 * Two entries an image. containerd names an image by its own annotation and looks at the ref name only without one;
 * oras and skopeo look at the ref name alone, which must be free of ":" for oras. The second entry is for Pods that
 * refer to the image by digest: without it containerd would pull what it has.
 */
function namedEntries({ name, index }: BuiltImage, { registry, version }: InventoryInput): Descriptor[] {
  const repository = `${registry}/${name}`;
  const { mediaType, digest, size } = index;
  return [
    { mediaType, digest, size, annotations: { [ociAnnotations.containerdName]: `${repository}:${version}`, [ociAnnotations.refName]: `${name}-${version}` } },
    { mediaType, digest, size, annotations: { [ociAnnotations.containerdName]: `${repository}@${digest}` } },
  ];
}

async function blobFiles(images: readonly BuiltImage[]): Promise<KitFile[]> {
  const files = new Map<string, KitFile>();
  for (const image of images) {
    for (const { descriptor, file } of await listBlobs(image)) {
      const sha256 = descriptor.digest.slice('sha256:'.length);
      const path = `${kitPaths.blobs}${sha256}`;
      files.set(path, { path, size: descriptor.size, sha256, mediaType: descriptor.mediaType, role: 'oci', source: { file } });
    }
  }
  return [...files.values()];
}

async function documentFiles({ recipe, sources, root }: InventoryInput): Promise<KitFile[]> {
  return Promise.all(
    recipe.documents.map(async ({ from, path, role, mediaType }) => {
      const source = sources.get(from) ?? { file: join(root, from) };
      return { path, ...(await measure(source, from)), mediaType, role, source };
    }),
  );
}

async function manifestFiles({ recipe, sources }: InventoryInput): Promise<KitFile[]> {
  const { from, path } = recipe.manifests;
  const found = [...sources].filter(([key]) => key.startsWith(`${from}/`));
  if (found.length === 0) {
    throw new ZastavaError('kit.recipe-invalid', 'The kit would have no manifests.', { problems: [{ where: 'manifests.from', expected: `files below ${from}/`, found: 'none' }] });
  }
  return Promise.all(
    found.map(async ([key, source]) => {
      const name = `${path}${key.slice(from.length + 1)}`;
      return { path: name, ...(await measure(source, key)), mediaType: mediaTypeOf(name), role: 'manifests' as const, source };
    }),
  );
}

async function debugFiles({ debug, version }: InventoryInput): Promise<KitFile[]> {
  if (debug === undefined) return [];
  const { files, layout } = await gatherDebugStore(debug, version);
  return [...files, ...layoutFiles(kitPaths.debugStore, layout)];
}

function fileOf(path: string, mediaType: string, source: Uint8Array): KitFile {
  return { path, size: source.length, sha256: sha256Hex(source), mediaType, role: 'oci', source };
}

async function measure(source: Source, from: string): Promise<{ size: number; sha256: string }> {
  if (source instanceof Uint8Array) return { size: source.length, sha256: sha256Hex(source) };
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(source.file) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      hash.update(chunk);
    }
  } catch (cause) {
    throw new ZastavaError('environment', `The kit needs ${from}, which cannot be read; make it, or take it out of the recipe.`, { cause });
  }
  return { size, sha256: hash.digest('hex') };
}

/** Paths that a file system without case would merge, and paths that a kit may not hold. */
function refuseClashes(files: readonly KitFile[]): void {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const { path } of files) {
    if (!isKitPath(path)) problems.push({ where: path, expected: 'a path that a kit may hold', found: 'another' });
    if (seen.has(path.toLowerCase())) problems.push({ where: path, expected: 'a path of its own', found: 'the path of another file, but for case' });
    seen.add(path.toLowerCase());
  }
  if (problems.length > 0) throw new ZastavaError('kit.recipe-invalid', 'The files of the kit do not fit together.', { problems });
}
