/** SLSA provenance v1: what an image or an artifact was built from, by digest, by whom. No time stands in it but the recipe's own. */
import { artifactBuildType, imageBuildType } from '../../contract/attestations.ts';
import type { KitFileRecord } from '../../contract/kit-format.ts';
import type { BuiltImage, ImageComponent } from '../../images/image.ts';
import type { KitRecipe } from '../recipe.ts';
import { packageUrl } from './package-url.ts';

type Json = Readonly<Record<string, unknown>>;

/** What only the caller knows. */
export interface BuildOrigin {
  /** Commit of the checkout, 40 or 64 hex digits; none outside of one, or with changes that no commit has. */
  readonly commit?: string;
  /** URI of who or what ran the build. */
  readonly builderId: string;
}

export interface ProvenanceFacts {
  readonly recipe: KitRecipe['images'][number];
  /** Seconds since 1970, of the image's files. */
  readonly epoch: number;
  readonly version: string;
  /** Of all platforms that the subject has. */
  readonly components: readonly ImageComponent[];
  readonly origin: BuildOrigin;
}

/** What an artifact is made of: the sources, the images that it names, and the values that were filled in. */
export interface ArtifactFacts {
  readonly recipe: KitRecipe['artifacts'][number];
  readonly epoch: number;
  readonly version: string;
  readonly images: readonly Pick<BuiltImage, 'name' | 'index'>[];
  readonly values: readonly Pick<KitFileRecord, 'path' | 'sha256'>[];
  readonly origin: BuildOrigin;
}

export function renderProvenance({ recipe, epoch, version, components, origin }: ProvenanceFacts): Json {
  const packages = new Map(components.flatMap((component) => (component.pinned === undefined ? [] : [[`${packageUrl(component)} ${component.pinned.hex}`, component] as const])));
  return statementOf(imageBuildType, { recipe, epoch, version }, origin, [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, component]) => ({
    uri: packageUrl(component), digest: { [component.pinned!.algorithm]: component.pinned!.hex },
  })));
}

export function renderArtifactProvenance({ recipe, epoch, version, images, values, origin }: ArtifactFacts): Json {
  return statementOf(artifactBuildType, { recipe, epoch, version }, origin, [
    ...images.map(({ name, index }) => ({ uri: `pkg:oci/${name}@${encodeURIComponent(index.digest)}`, digest: { sha256: index.digest.slice('sha256:'.length) } })),
    ...values.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
  ]);
}

function statementOf(buildType: string, { recipe, epoch, version }: Pick<ProvenanceFacts | ArtifactFacts, 'recipe' | 'epoch' | 'version'>, origin: BuildOrigin, dependencies: readonly Json[]): Json {
  return {
    buildDefinition: {
      buildType,
      externalParameters: { recipe, epoch: new Date(epoch * 1000).toISOString().replace('.000Z', 'Z'), version },
      resolvedDependencies: [...(origin.commit === undefined ? [] : [{ name: 'source', digest: { gitCommit: origin.commit } }]), ...dependencies],
    },
    runDetails: { builder: { id: origin.builderId, version: { node: process.versions.node } } },
  };
}
