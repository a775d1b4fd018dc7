/**
 * The kit's OCI artifacts: its manifests for GitOps controllers, and Helm charts. Both are one layer of tar and gzip, and
 * what stands beside it is what their readers look at: Flux takes the first layer, Argo CD the only one, of an image's
 * media type; helm wants its own types and the chart's metadata as config.
 */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { ZastavaError } from '../../contract/errors.ts';
import { artifactAnnotations, helmMediaTypes, manifestsArtifactType } from '../../contract/artifacts.ts';
import { ociAnnotations, ociMediaTypes, type Descriptor, type OciManifest } from '../../contract/oci.ts';
import type { Source } from '../archive.ts';
import { blobOf, emptyBlob, jsonBlob, type Blob, type LayoutPart } from '../attest/blob.ts';
import type { KitRecipe } from '../recipe.ts';
import { packFolder } from './pack-folder.ts';

type RecipeArtifact = KitRecipe['artifacts'][number];

export interface BuiltArtifact {
  readonly recipe: RecipeArtifact;
  /** Last part of its repository: of a chart the chart's name, as helm and Argo CD want it. */
  readonly repository: string;
  readonly descriptor: Descriptor;
  /** For the layout of artifacts, without what is attested of it. */
  readonly layout: LayoutPart;
}

export interface ArtifactInput {
  readonly recipe: KitRecipe;
  /** Also the tag. */
  readonly version: string;
  /** By path in the checkout. */
  readonly sources: ReadonlyMap<string, Source>;
}

interface Content {
  readonly repository: string;
  readonly config: Blob;
  readonly layer: Blob;
  readonly more: Pick<OciManifest, 'artifactType'> & { readonly annotations: Readonly<Record<string, string>> };
}

/** In the recipe's order. Throws `kit.recipe-invalid` for a folder without files, and for a chart that is not the kit's version of one. */
export function buildArtifacts(input: ArtifactInput): Promise<BuiltArtifact[]> {
  return Promise.all(input.recipe.artifacts.map(async (recipe) => {
    const from = recipe.from ?? input.recipe.manifests.from;
    const files = await readFolder(from, input.sources);
    return assemble(recipe, recipe.kind === 'chart' ? chartContent(from, files, input) : manifestsContent(recipe, files, input), input);
  }));
}

/** Everything below a folder, by the path in it. */
async function readFolder(folder: string, sources: ReadonlyMap<string, Source>): Promise<Map<string, Uint8Array>> {
  const found = [...sources].filter(([path]) => path.startsWith(`${folder}/`));
  if (found.length === 0) throw invalid(folder, 'files below it', 'none');
  return new Map(await Promise.all(found.map(async ([path, source]) => [path.slice(folder.length + 1), source instanceof Uint8Array ? source : await readFile(source.file)] as const)));
}

function manifestsContent({ name, title }: RecipeArtifact, files: ReadonlyMap<string, Uint8Array>, { recipe }: ArtifactInput): Content {
  return {
    repository: name,
    config: emptyBlob,
    layer: blobOf(ociMediaTypes.layer, packFolder(files, recipe.epoch)),
    more: { artifactType: manifestsArtifactType, annotations: { [artifactAnnotations.title]: title, [artifactAnnotations.folder]: recipe.manifests.path } },
  };
}

/** As `helm push` makes it of what `helm package` has packed. */
function chartContent(from: string, files: ReadonlyMap<string, Uint8Array>, { recipe, version }: ArtifactInput): Content {
  const where = `${from}/Chart.yaml`;
  const metadata = parse(Buffer.from(files.get('Chart.yaml') ?? '').toString('utf8')) as { readonly name?: unknown; readonly version?: unknown } | null;
  const name = metadata?.name;
  if (typeof name !== 'string' || !/^[a-z0-9]+([._-][a-z0-9]+)*$/.test(name)) throw invalid(where, 'the name of a chart', String(name));
  if (metadata?.version !== version) throw invalid(where, `version ${version}, which is the kit's`, String(metadata?.version));
  return {
    repository: name,
    config: jsonBlob(helmMediaTypes.config, metadata),
    layer: blobOf(helmMediaTypes.chart, packFolder(new Map([...files].map(([path, bytes]) => [`${name}/${path}`, bytes])), recipe.epoch)),
    more: { annotations: { [artifactAnnotations.title]: name } },
  };
}

function assemble(recipe: RecipeArtifact, { repository, config, layer, more }: Content, { recipe: { epoch }, version }: ArtifactInput): BuiltArtifact {
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    ...more,
    config: config.descriptor,
    layers: [layer.descriptor],
    annotations: {
      ...more.annotations,
      [artifactAnnotations.description]: recipe.description,
      [artifactAnnotations.licenses]: recipe.licenses,
      [artifactAnnotations.version]: version,
      [artifactAnnotations.created]: new Date(epoch * 1000).toISOString().replace('.000Z', 'Z'),
    },
  };
  const blob = jsonBlob(ociMediaTypes.manifest, manifest);
  const entry: Descriptor = { ...blob.descriptor, ...(more.artifactType !== undefined && { artifactType: more.artifactType }), annotations: { [ociAnnotations.refName]: `${recipe.name}-${version}` } };
  return { recipe, repository, descriptor: blob.descriptor, layout: { entries: [entry], blobs: [blob, config, layer] } };
}

function invalid(where: string, expected: string, found: string): ZastavaError {
  return new ZastavaError('kit.recipe-invalid', 'An artifact of the kit cannot be made.', { problems: [{ where, expected, found }] });
}
