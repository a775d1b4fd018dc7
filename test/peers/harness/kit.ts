/** The built kit as the tests see it: its files, what it is made of, and what it says about itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ImageDigests, ImagesLock } from '../../../src/contract/images-lock.ts';
import { type KitManifest, kitPaths } from '../../../src/contract/kit-format.ts';
import type { Component } from '../../../src/contract/label-values.ts';
import { configKey, objectNames } from '../../../src/contract/names.ts';
import { succeed } from './commands.ts';

/** Paths of one built kit. */
interface BuiltKit {
  readonly version: string;
  /** Test key (PEM, private), and that of the release log. */
  readonly key: string;
  readonly logKey: string;
  readonly signingTime: string;
  /** Folder that all but the keys and `tar` lie in. */
  readonly out: string;
  readonly archive: string;
  readonly signature: string;
  readonly bundle: string;
  readonly publicKey: string;
  readonly trustedRoot: string;
  /** The archive, decompressed: what oras, skopeo and umoci read. */
  readonly tar: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    kit: BuiltKit;
  }
}

export const checkout = join(import.meta.dirname, '../../..');

export const kit = inject('kit');

export const programs: readonly Component[] = ['observer', 'webhook'];

/** offline-kit/images.lock.json of this checkout. */
const lock = JSON.parse(readFileSync(join(checkout, 'offline-kit/images.lock.json'), 'utf8')) as ImagesLock;

/** One program's digests in the lock. */
export function locked(program: Component): ImageDigests {
  return lock.images[program];
}

/** The text of one file in the kit, as GNU tar sees it. */
export function readEntry(path: string): Promise<string> {
  return succeed('tar', ['-xOf', kit.tar, path]);
}

export async function readManifest(): Promise<KitManifest> {
  return JSON.parse(await readEntry(kitPaths.manifest)) as KitManifest;
}

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template?: { readonly spec: { readonly containers: readonly { readonly image: string }[] } } };
}

/** The object of that kind and name in the kit's manifests. */
async function readObject(kind: string, name: string): Promise<KubernetesObject> {
  const paths = (await readManifest()).files.filter(({ role, path }) => role === 'manifests' && path.endsWith('.yaml')).map(({ path }) => path);
  const objects = (await Promise.all(paths.map(readEntry))).flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null));
  const object = objects.find((candidate) => candidate?.kind === kind && candidate.metadata.name === name);
  if (!object) throw new Error(`no manifest of the kit has the ${kind} ${name}`);
  return object;
}

/** The configuration of a program as the kit's manifests mount it. */
export async function readConfiguration(program: Component): Promise<string> {
  return (await readObject('ConfigMap', objectNames[program])).data?.[configKey] ?? '';
}

/** The image of a program as the kit's manifests name it: `<repo>@sha256:…` */
export async function readImageReference(program: Component): Promise<string> {
  const { spec } = await readObject(program === 'observer' ? 'DaemonSet' : 'Deployment', objectNames[program]);
  return spec?.template?.spec.containers[0]?.image ?? '';
}
