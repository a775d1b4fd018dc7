/**
 * The debug store of a kit: files of symbols where a debug folder has them, the manifest that says what they are of and what
 * has none, and the same files as OCI artifacts in a layout of their own. One artifact a build-id, which is also its tag, so
 * that `oras pull REGISTRY/debug-store:<build-id>` brings `<aa>/<rest>.debug`; and one, tagged with the version, that has all.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { sha256Hex } from '../../bytes/digest.ts';
import { debugManifestName, debugMediaTypes, debugPath, titleAnnotation, type DebugManifest } from '../../contract/debug-store.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import { ociAnnotations, ociMediaTypes, type Descriptor, type OciManifest } from '../../contract/oci.ts';
import type { ImageDebugFiles } from '../../images/debug-files.ts';
import { emptyBlob, jsonBlob, type Blob, type LayoutPart } from '../attest/blob.ts';
import type { KitFile } from '../kit-file.ts';
import { listDebugFiles } from './debug-folder.ts';

/** What a plan says of symbols: those of the images, and those that its maker has in folders of his own. */
export interface DebugInput {
  readonly ofImages: ImageDebugFiles;
  readonly folders: readonly string[];
}

interface StoredFile {
  readonly record: DebugManifest['files'][number];
  readonly file: string;
}

export interface DebugStore {
  readonly files: readonly KitFile[];
  /** For the layout `debug-store/`, whose layers are among `files`. */
  readonly layout: LayoutPart;
}

/** @throws ZastavaError what listDebugFiles throws */
export async function gatherDebugStore({ ofImages, folders }: DebugInput, version: string): Promise<DebugStore> {
  const stored = await listStored(ofImages, folders);
  const manifest: DebugManifest = { mediaType: debugMediaTypes.manifest, files: stored.map(({ record }) => record), without: ofImages.without };
  const bytes = Buffer.from(canonicalJson(manifest));
  return {
    files: [
      { path: kitPaths.debug + debugManifestName, size: bytes.length, sha256: sha256Hex(bytes), mediaType: debugMediaTypes.manifest, role: 'debug', source: bytes },
      ...stored.map(({ record, file }): KitFile => ({ ...kitRecord(record), path: kitPaths.debug + debugPath(record.buildId), role: 'debug', source: { file } })),
      ...new Map(stored.map(({ record, file }) => [record.sha256, { ...kitRecord(record), path: `${kitPaths.debugStore}${kitPaths.blobs}${record.sha256}`, role: 'oci' as const, source: { file } }])).values(),
    ],
    layout: renderLayout(stored.map(({ record }) => record), version),
  };
}

const kitRecord = ({ size, sha256 }: StoredFile['record']): Pick<KitFile, 'size' | 'sha256' | 'mediaType'> => ({ size, sha256, mediaType: debugMediaTypes.file });

/** Sorted by build-id; what the images have comes before a folder's file of the same build-id. */
async function listStored(ofImages: ImageDebugFiles, folders: readonly string[]): Promise<StoredFile[]> {
  const stored = new Map<string, StoredFile>();
  for (const { file, digest, ...record } of ofImages.files) {
    if (!stored.has(record.buildId)) stored.set(record.buildId, { record: { ...record, sha256: digest.slice('sha256:'.length) }, file });
  }
  for (const folder of folders) {
    for (const { buildId, file } of await listDebugFiles(folder)) {
      if (!stored.has(buildId)) stored.set(buildId, { record: { buildId, ...(await measure(file)), from: 'a folder given to the build' }, file });
    }
  }
  return [...stored.values()].toSorted((a, b) => (a.record.buildId < b.record.buildId ? -1 : 1));
}

async function measure(file: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}

function renderLayout(records: readonly StoredFile['record'][], version: string): LayoutPart {
  const layers = records.map(({ buildId, size, sha256 }): Descriptor => ({
    mediaType: debugMediaTypes.file, digest: `sha256:${sha256}`, size, annotations: { [titleAnnotation]: debugPath(buildId).slice('.build-id/'.length) },
  }));
  const artifacts = [...layers.map((layer, at) => renderArtifact(records[at]!.buildId, [layer])), renderArtifact(version, layers)];
  return { entries: artifacts.map(({ entry }) => entry), blobs: [emptyBlob, ...artifacts.map(({ blob }) => blob)] };
}

function renderArtifact(tag: string, layers: readonly Descriptor[]): { entry: Descriptor; blob: Blob } {
  const manifest: OciManifest = { schemaVersion: 2, mediaType: ociMediaTypes.manifest, artifactType: debugMediaTypes.artifact, config: emptyBlob.descriptor, layers };
  const blob = jsonBlob(ociMediaTypes.manifest, manifest);
  return { blob, entry: { ...blob.descriptor, artifactType: debugMediaTypes.artifact, annotations: { [ociAnnotations.refName]: tag } } };
}
