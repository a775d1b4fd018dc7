/**
 * What the artifacts hold, so that what a GitOps controller pulls is what was looked at here: an artifact of manifests
 * has the very files of the kit's folder, packed again and compared; a chart names images of the kit, by digest. What else
 * is an artifact is not known, and refused. The layouts are known to hold.
 */
import { gunzipSync } from 'node:zlib';
import { digestOf } from '../../bytes/digest.ts';
import { refusal } from '../../bytes/refusal.ts';
import { artifactAnnotations, helmMediaTypes, manifestsArtifactType } from '../../contract/artifacts.ts';
import { kitLimits, kitPaths } from '../../contract/kit-format.ts';
import type { Digest, OciIndex, OciManifest } from '../../contract/oci.ts';
import { packFolder } from '../artifacts/pack-folder.ts';
import type { KitDocument } from './contents.ts';
import type { ImagePlatforms } from './oci-layout.ts';
import type { Tally } from './report.ts';

/** Gathers `kit.artifact-invalid`, and `kit.image-missing` for each image that a chart names and the kit lacks. */
export function verifyArtifacts(documents: readonly KitDocument[], images: ImagePlatforms, tally: Tally): void {
  const byPath = new Map(documents.map(({ record, bytes }) => [record.path, bytes]));
  const index = byPath.get(kitPaths.artifacts + kitPaths.ociIndex);
  if (index === undefined) return;
  const blob = (digest: Digest): Buffer | undefined => byPath.get(kitPaths.artifacts + kitPaths.blobs + digest.slice('sha256:'.length));
  for (const { digest } of (JSON.parse(index.toString('utf8')) as OciIndex).manifests) {
    const where = kitPaths.artifacts + kitPaths.blobs + digest.slice('sha256:'.length);
    const manifest = JSON.parse(blob(digest)!.toString('utf8')) as OciManifest;
    if (manifest.subject !== undefined) continue;
    tally.guard(() => {
      if (manifest.artifactType === manifestsArtifactType) verifyManifests(where, manifest, documents);
      else if (manifest.config?.mediaType === helmMediaTypes.config) verifyChart(where, manifest.layers.map((layer) => blob(layer.digest)), images);
      else throw invalid(where, `an artifact of ${manifestsArtifactType} or ${helmMediaTypes.config}`, String(manifest.artifactType ?? manifest.config?.mediaType));
      tally.add();
    });
  }
}

function verifyManifests(where: string, { layers, annotations = {} }: OciManifest, documents: readonly KitDocument[]): void {
  const folder = annotations[artifactAnnotations.folder] ?? '';
  const created = Date.parse(annotations[artifactAnnotations.created] ?? '') / 1000;
  const files = documents.filter(({ record }) => record.role === 'manifests' && record.path.startsWith(folder));
  if (!Number.isInteger(created) || created < 0) throw invalid(where, `the time of the files as ${artifactAnnotations.created}`, String(annotations[artifactAnnotations.created]));
  const packed = packFolder(new Map(files.map(({ record, bytes }) => [record.path.slice(folder.length), bytes])), created);
  // By digest: the layer itself is a blob like those of images, which verify does not keep.
  const expected = digestOf(packed);
  const found = layers.map(({ digest }) => digest).join(', ');
  if (found !== expected) throw invalid(where, `one layer of the kit's ${files.length} files of ${folder || 'role manifests'}, ${expected}`, found);
}

const imageDigest = /@(sha256:[0-9a-f]{64})/g;

/** Wherever it stands in the chart: templates, values, annotations. */
function verifyChart(where: string, [layer, ...more]: readonly (Buffer | undefined)[], images: ImagePlatforms): void {
  if (layer === undefined || more.length > 0) throw invalid(where, `one layer, of ${helmMediaTypes.chart}`, 'another');
  const named = new Set([...unpack(where, layer).matchAll(imageDigest)].map(([, digest]) => digest as Digest));
  if (named.size === 0) throw invalid(where, 'a chart that names images by digest', 'none');
  const missing = [...named].filter((digest) => !images.has(digest)).sort();
  if (missing.length > 0) throw refusal('kit.image-missing', { where: `${where}: ${missing.join(', ')}`, expected: 'these images in index.json', found: 'none' });
}

function unpack(where: string, layer: Buffer): string {
  try {
    return gunzipSync(layer, { maxOutputLength: kitLimits.documentBytesMax }).toString('latin1');
  } catch (cause) {
    throw refusal('kit.artifact-invalid', { where, expected: `a chart of at most ${kitLimits.documentBytesMax} bytes, gzip`, found: cause instanceof Error ? cause.message : 'another' }, cause);
  }
}

function invalid(where: string, expected: string, found: string): Error {
  return refusal('kit.artifact-invalid', { where, expected, found });
}
