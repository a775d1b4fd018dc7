/** The JSON of an image (OCI image spec 1.1: config, manifest, index) as bytes that depend on the recipe, the layers and one time alone. */
import { canonicalJson } from '../bytes/canonical-json.ts';
import { digestOf } from '../bytes/digest.ts';
import { ociMediaTypes, platforms, type Descriptor, type OciIndex, type OciManifest, type Platform } from '../contract/oci.ts';
import type { ImageRecipe } from './image.ts';
import type { Layer } from './layer.ts';

/** A layer and what made it, for the image's history. */
export interface LayerStep extends Layer {
  readonly createdBy: string;
}

interface Json {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
}

const title = 'org.opencontainers.image';

/** The pre-defined keys of the spec, on config (as labels), manifest and index (as annotations). */
function annotationsOf(recipe: ImageRecipe, epochSeconds: number): Record<string, string> {
  return {
    [`${title}.created`]: timestamp(epochSeconds),
    [`${title}.description`]: recipe.description,
    [`${title}.licenses`]: recipe.licenses,
    [`${title}.title`]: recipe.title,
    [`${title}.version`]: recipe.version,
  };
}

export function buildConfig(recipe: ImageRecipe, platform: Platform, layers: readonly LayerStep[], epochSeconds: number): Json {
  const created = timestamp(epochSeconds);
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', NODE_ENV: 'production', ...recipe.env };
  return json(ociMediaTypes.config, {
    ...platform,
    created,
    config: {
      User: `${recipe.user}:${recipe.user}`,
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: [`/usr/local/bin/${recipe.program.name}`],
      WorkingDir: '/',
      StopSignal: 'SIGTERM',
      Labels: annotationsOf(recipe, epochSeconds),
      ...(recipe.ports && { ExposedPorts: Object.fromEntries(recipe.ports.map((port) => [port, {}])) }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({ created, created_by: layer.createdBy })),
  });
}

export function buildManifest(recipe: ImageRecipe, config: Descriptor, layers: readonly Layer[], epochSeconds: number): Json {
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    config,
    layers: layers.map(({ digest, size }) => ({ mediaType: ociMediaTypes.layer, digest, size })),
    annotations: annotationsOf(recipe, epochSeconds),
  };
  return json(ociMediaTypes.manifest, manifest);
}

/** @param children manifests in the order of the contract's platforms. */
export function buildIndex(recipe: ImageRecipe, children: readonly Descriptor[], epochSeconds: number): Json {
  const index: OciIndex = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.index,
    manifests: children.map((child, at) => ({ ...child, platform: platforms[at]! })),
    annotations: annotationsOf(recipe, epochSeconds),
  };
  return json(ociMediaTypes.index, index);
}

function json(mediaType: string, value: unknown): Json {
  const bytes = Buffer.from(canonicalJson(value));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
}

/** RFC 3339 in UTC, whole seconds. */
function timestamp(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
}
