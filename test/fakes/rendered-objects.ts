/** What renderArtifacts makes of the golden values, read back from its YAML. */
import { parseAllDocuments } from 'yaml';
import type { Values } from '../../src/config/schema.ts';
import { renderArtifacts } from '../../src/synth/render-artifacts.ts';
import { placeholderImages } from './value-sets.ts';

/** A Kubernetes object as the tests look at it. */
export type KubernetesObject = { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } } & Record<string, unknown>;

export function renderTexts(values: Values): Map<string, string> {
  return new Map([...renderArtifacts(values, placeholderImages)].map(([path, content]) => [path, String(content)]));
}

/** All objects in apply order; the kustomization is not one. */
export function renderObjects(values: Values): KubernetesObject[] {
  return [...renderTexts(values)]
    .filter(([path]) => !path.endsWith('kustomization.yaml'))
    .flatMap(([, text]) => parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject));
}

/** The value at a path such as `spec.template.spec.containers.0`. */
export function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, step) => (node as Record<string, unknown> | undefined)?.[step], value);
}

/** Every value in an object, with its path. */
export function walk(value: unknown, path: readonly string[] = []): (readonly [path: readonly string[], value: unknown])[] {
  const below = value !== null && typeof value === 'object' ? Object.entries(value).flatMap(([key, member]) => walk(member, [...path, key])) : [];
  return [[path, value], ...below];
}
