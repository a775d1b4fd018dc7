/**
 * Values and image digests → the files of dist/manifests (contract section 10): plain YAML in apply order and a
 * kustomization. Pure and byte-stable: the same values give the same bytes on every machine.
 */
import { App } from 'cdk8s';
import { stringify } from 'yaml';
import type { Values } from '../config/schema.ts';
import { buildFacts } from '../constructs/facts.ts';
import { addRuntimePlane } from '../constructs/runtime-plane.ts';
import type { ImagesLock } from '../contract/images-lock.ts';

const folder = 'manifests';

/** A Kubernetes object as JSON. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Path below dist/ → content, in apply order. */
export function renderArtifacts(values: Values, images: ImagesLock): Map<string, string | Uint8Array> {
  // The app is only asked for its objects: nothing is written to its output folder.
  const app = new App({ outdir: 'unused', recordConstructMetadata: false });
  const files = addRuntimePlane(app, buildFacts(values, images)).flatMap((chart, index) => {
    const manifests = chart.toJson() as Manifest[];
    return manifests.length === 0 ? [] : [{ name: `${String(index * 10).padStart(2, '0')}-${chart.node.id}.yaml`, manifests }];
  });
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: files.map(({ name }) => name) };
  return new Map([
    ...files.map(({ name, manifests }): [string, string] => [`${folder}/${name}`, manifests.map(renderManifest).join('---\n')]),
    [`${folder}/kustomization.yaml`, renderYaml(kustomization)],
  ]);
}

function renderManifest(manifest: Manifest): string {
  return renderYaml(orderKeys(manifest));
}

/** Identity first, as people look for it; every other key sorted. */
export function orderKeys({ apiVersion, kind, metadata, ...rest }: Manifest): object {
  const { name, namespace, ...further } = metadata;
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...sortKeys(further) }, ...sortKeys(rest) };
}

function sortKeys<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sortKeys) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sortKeys(member)])) as T;
}

/** Readers of YAML 1.1 (kubectl's own) and of 1.2 see the same values in it. */
export function renderYaml(value: unknown): string {
  return stringify(value, { schema: 'core', compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false });
}
