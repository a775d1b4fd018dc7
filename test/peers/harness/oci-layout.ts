/** Artifacts as a kit has them, without the kit: an OCI layout on disk, made by the kit's own code. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseImagesLock } from '../../../src/config/parse-images-lock.ts';
import { parseValues } from '../../../src/config/parse-values.ts';
import type { Values } from '../../../src/config/schema.ts';
import { artifactRepositories } from '../../../src/contract/gitops.ts';
import { ociLayout, ociMediaTypes } from '../../../src/contract/oci.ts';
import { buildArtifacts } from '../../../src/kit/artifacts/build-artifacts.ts';
import { parseRecipe } from '../../../src/kit/recipe.ts';
import { renderChart } from '../../../src/synth/chart/render-chart.ts';
import { renderArtifacts } from '../../../src/synth/render-artifacts.ts';
import { succeed } from './commands.ts';
import { checkout } from './kit.ts';
import { peer } from './peers.ts';

const read = (path: string): string => readFileSync(join(checkout, path), 'utf8');

export const images = parseImagesLock(read('offline-kit/images.lock.json'), 'images.lock.json');

/** The sample's values, changed as text. */
export function sampleValues(change: (text: string) => string): Values {
  return parseValues(change(read('offline-kit/zastava-runtime.values.yaml')), 'values of this test');
}

/** Makes the artifacts of these values in a layout in `folder`, and pushes each to its repository of the registry, tagged with the version. */
export async function pushRelease(values: Values, version: string, folder: string): Promise<void> {
  const sources = new Map([
    ...[...renderArtifacts(values, images)].map(([path, content]) => [`dist/${path}`, Buffer.from(content)] as const),
    ...[...renderChart(images, version)].map(([path, text]) => [`deploy/helm/zastava/${path}`, Buffer.from(text)] as const),
  ]);
  const artifacts = await buildArtifacts({ recipe: parseRecipe(read('offline-kit/kit.yaml'), 'kit.yaml'), version, sources });
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  const entries = artifacts.flatMap(({ layout }) => layout.entries);
  for (const { descriptor, bytes } of artifacts.flatMap(({ layout }) => layout.blobs)) writeFileSync(join(folder, 'blobs/sha256', descriptor.digest.slice('sha256:'.length)), bytes);
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify(ociLayout));
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: entries }));
  for (const [name, repository] of Object.entries(artifactRepositories)) {
    await succeed(peer('oras'), ['cp', '--no-tty', '--from-oci-layout', `${folder}:${name}-${version}`, '--to-plain-http', `${values.zastava.images.registry}/${repository}:${version}`]);
  }
}
