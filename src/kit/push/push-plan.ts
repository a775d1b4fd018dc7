/**
 * What of a kit goes where in a registry, from the kit's own layouts, which have been verified: images as `<name>:<version>` with all that
 * refers to them, charts as `<name of the chart>:<version>`, signatures as `<name>:sha256-<hex>.sig`, symbols as `debug-store:<build-id>`. It touches nothing.
 */
import { artifactAnnotations, helmMediaTypes } from '../../contract/artifacts.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import { ociAnnotations, ociMediaTypes, type Descriptor, type Digest, type OciIndex, type OciManifest } from '../../contract/oci.ts';
import type { KitDocument } from '../verify/contents.ts';

export interface PlannedManifest {
  /** As a list of referrers shows it. */
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly subject?: Digest;
}

interface PlannedTag {
  readonly tag: string;
  readonly manifest: PlannedManifest;
}

export interface RepositoryPlan {
  /** Below the registry's path. */
  readonly name: string;
  /** Config, layers → bytes. */
  readonly blobs: Map<Digest, number>;
  /** Children before parents, what refers before nothing but what refers to it. */
  readonly manifests: Map<Digest, PlannedManifest>;
  /** Signatures first, so that who sees an image's tag finds them. */
  readonly tags: PlannedTag[];
}

type Document = Partial<Omit<OciManifest, 'mediaType'>> & Partial<Omit<OciIndex, 'mediaType'>>;

const repositoryName = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const debugRepository = 'debug-store';
const layoutFolders = ['', kitPaths.artifacts, kitPaths.signatures, kitPaths.debugStore] as const;

/** @throws `kit.oci-invalid` for a layout that nobody could push under names */
export function planPush(documents: readonly KitDocument[], version: string): RepositoryPlan[] {
  const texts = new Map(documents.map(({ record, bytes }) => [record.path, bytes]));
  const plans = new Map<string, RepositoryPlan>();
  const planOf = (name: string): RepositoryPlan => {
    const plan = plans.get(name) ?? { name, blobs: new Map(), manifests: new Map(), tags: [] };
    plans.set(name, plan);
    return plan;
  };
  for (const folder of layoutFolders) {
    const index = texts.get(folder + kitPaths.ociIndex);
    if (index === undefined) continue;
    const entries = (JSON.parse(index.toString()) as OciIndex).manifests;
    const layout = new Layout(folder, texts);
    for (const entry of entries) {
      const name = entry.annotations?.[ociAnnotations.refName];
      if (name === undefined) continue;
      const { repository, tag } = placeOf(folder, name, version);
      const plan = planOf(layout.chartName(entry) ?? repository);
      plan.tags.push({ tag, manifest: layout.add(entry, plan) });
    }
    for (const entry of entries) if (entry.annotations?.[ociAnnotations.refName] === undefined) layout.addReferrer(entry, [...plans.values()]);
  }
  for (const { tags } of plans.values()) tags.sort((a, b) => Number(isSignature(b.tag)) - Number(isSignature(a.tag)));
  return [...plans.values()];
}

function isSignature(tag: string): boolean {
  return /^sha256-[0-9a-f]{64}\.sig$/.test(tag);
}

/** Ref names of layouts hold no ":" (contract section 9), so the repository's name stands before the tag. */
function placeOf(folder: string, name: string, version: string): { repository: string; tag: string } {
  if (folder === kitPaths.debugStore) return { repository: debugRepository, tag: name };
  const [repository, tag] = folder === kitPaths.signatures
    ? [name.slice(0, -'-sha256-.sig'.length - 64), name.slice(-'sha256-.sig'.length - 64)]
    : [name.slice(0, -version.length - 1), name.slice(-version.length)];
  const fits = name === `${repository}-${tag}` && (folder === kitPaths.signatures ? isSignature(tag) : tag === version);
  if (fits && repositoryName.test(repository)) return { repository, tag: tag.replaceAll('+', '_') };
  throw invalid(`${folder}${kitPaths.ociIndex}`, `a ref name of the form ${folder === kitPaths.signatures ? 'NAME-sha256-HEX.sig' : `NAME-${version}`}`, name);
}

class Layout {
  readonly #folder: string;
  readonly #texts: ReadonlyMap<string, Buffer>;

  constructor(folder: string, texts: ReadonlyMap<string, Buffer>) {
    [this.#folder, this.#texts] = [folder, texts];
  }

  /** helm and Argo CD want a chart in a repository of its own name. */
  chartName({ digest }: Descriptor): string | undefined {
    const { config, annotations } = JSON.parse(this.#read(digest).toString()) as Document;
    if (config?.mediaType !== helmMediaTypes.config) return undefined;
    const name = annotations?.[artifactAnnotations.title] ?? '';
    if (!repositoryName.test(name)) throw invalid(`${this.#folder}${kitPaths.blobs}${digest.slice('sha256:'.length)}`, 'the name of a chart as its title', name);
    return name;
  }

  /** The manifest with all that it leads to. */
  add({ digest, mediaType, size }: Descriptor, plan: RepositoryPlan): PlannedManifest {
    const known = plan.manifests.get(digest);
    if (known) return known;
    const bytes = this.#read(digest);
    const document = JSON.parse(bytes.toString()) as Document;
    for (const child of document.manifests ?? []) this.add(child, plan);
    for (const blob of [document.config ?? [], document.layers ?? []].flat()) plan.blobs.set(blob.digest, blob.size);
    const { artifactType = document.config?.mediaType, annotations, subject } = document;
    const shown = { ...(artifactType !== undefined && { artifactType }), ...(annotations && { annotations }) };
    const manifest: PlannedManifest = { descriptor: { mediaType, digest, size, ...(subject && shown) }, bytes, ...(subject && { subject: subject.digest }) };
    plan.manifests.set(digest, manifest);
    return manifest;
  }

  /** Into each repository that has the subject. An entry without subject is another name of what is planned, for containerd. */
  addReferrer(entry: Descriptor, plans: readonly RepositoryPlan[]): void {
    const { subject } = JSON.parse(this.#read(entry.digest).toString()) as Document;
    const homes = plans.filter(({ manifests }) => manifests.has(subject?.digest ?? entry.digest));
    if (homes.length === 0) throw invalid(`${this.#folder}${kitPaths.ociIndex}`, `a name for ${subject?.digest ?? entry.digest}, or an image that has it`, 'none');
    for (const plan of homes) this.add(entry, plan);
  }

  #read(digest: Digest): Buffer {
    const path = `${this.#folder}${kitPaths.blobs}${digest.slice('sha256:'.length)}`;
    const bytes = this.#texts.get(path);
    if (bytes === undefined) throw invalid(path, `an ${ociMediaTypes.index} or ${ociMediaTypes.manifest}`, 'something else');
    return bytes;
  }
}

function invalid(where: string, expected: string, found: string): ZastavaError {
  return new ZastavaError('kit.oci-invalid', 'The kit cannot be pushed by names', { problems: [{ where, expected, found }] });
}
