/** The images of a kit and what each platform runs, from its OCI layout; and what else index.json lists. */
import { kitPaths } from '../../contract/kit-format.ts';
import { ociAnnotations, ociMediaTypes, type Digest } from '../../contract/oci.ts';
import { listOf, objectOf, textOf, type DocumentSet, type Json } from './documents.ts';

interface PlatformFact {
  /** `linux/amd64` */
  readonly platform: string;
  readonly digest: Digest;
  /** The image config's member `config`: user, entry point, environment. */
  readonly config: Json;
}

export interface ImageFact {
  /** Last part of the repository; the whole of it where two images would have one name. */
  readonly name: string;
  readonly repository: string;
  readonly digest: Digest;
  /** Of index.json, sorted. */
  readonly references: readonly string[];
  readonly platforms: readonly PlatformFact[];
}

/** In the order of index.json, each once. */
export function gatherImages(documents: DocumentSet): ImageFact[] {
  const images = new Map<string, { references: string[]; repository: string | undefined }>();
  for (const entry of indexEntries(documents, kitPaths.ociIndex)) {
    if (entry['mediaType'] !== ociMediaTypes.index) continue;
    const annotations = objectOf(entry['annotations']);
    const [named, ref] = [textOf(annotations[ociAnnotations.containerdName]), textOf(annotations[ociAnnotations.refName])];
    const image = images.get(String(entry['digest'])) ?? { references: [], repository: undefined };
    image.references.push(...[named, ref].filter((name) => name !== null));
    image.repository ??= named?.replace(/@.*$|:[^:/]*$/, '') ?? ref ?? undefined;
    images.set(String(entry['digest']), image);
  }
  const found = [...images].map(([digest, { references, repository = digest }]) => ({
    name: repository.split('/').at(-1)!,
    repository,
    digest: digest as Digest,
    references: references.sort(),
    platforms: platformsOf(documents, digest),
  }));
  return found.map((image) => (found.filter(({ name }) => name === image.name).length === 1 ? image : { ...image, name: image.repository }));
}

/** Artifacts that the layouts of images and artifacts list by name and that are no images, such as a chart: name → digest. */
export function gatherArtifacts(documents: DocumentSet): Map<string, string> {
  const artifacts = ['', kitPaths.artifacts].flatMap((folder) => indexEntries(documents, folder + kitPaths.ociIndex).flatMap(({ mediaType, digest, annotations }): [string, string][] => {
    const name = textOf(objectOf(annotations)[ociAnnotations.refName]);
    return mediaType === ociMediaTypes.manifest && name !== null && documents.blob(digest, folder)?.['subject'] === undefined ? [[name, String(digest)]] : [];
  }));
  return new Map(artifacts);
}

function platformsOf(documents: DocumentSet, digest: string): PlatformFact[] {
  return listOf(documents.blob(digest)?.['manifests']).map(objectOf).flatMap((entry) => {
    if (entry['platform'] === undefined) return [];
    const { os, architecture } = objectOf(entry['platform']);
    const config = documents.blob(objectOf(documents.blob(entry['digest'])?.['config'])['digest']);
    return [{ platform: `${os}/${architecture}`, digest: String(entry['digest']) as Digest, config: objectOf(config?.['config']) }];
  });
}

function indexEntries(documents: DocumentSet, path: string): Json[] {
  return listOf(documents.json(path)?.['manifests']).map(objectOf);
}
