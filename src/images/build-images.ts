/**
 * Recipes → images on disk: base, Node and program layers for each platform, then config, manifest and index.
 * What is in the cache under the same inputs, and still has its digest, is not made again.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { digestOf } from '../bytes/digest.ts';
import { ZastavaError } from '../contract/errors.ts';
import { platforms, type Digest } from '../contract/oci.ts';
import { appLayerEntries } from './app-layer.ts';
import { baseLayerEntries } from './base-layer.ts';
import { parseBaseLock, type Architecture, type BaseLock } from './base-lock.ts';
import { bundleParts } from './bundle-program.ts';
import { addBlob, addFile, isBlob, openCache, readRecord, sweepCache, type Cache } from './cache.ts';
import { debianComponents, nodeComponent, npmComponents } from './components.ts';
import { readDebianLicenses } from './debian-licenses.ts';
import { fetchPackages } from './debian-packages.ts';
import type { BuiltImage, ImageChild, ImageComponent, ImageRecipe, OnImageProgress } from './image.ts';
import { contentBytes, writeLayer, type Layer, type LayerEntry } from './layer.ts';
import { buildConfig, buildIndex, buildManifest, type LayerStep } from './layout.ts';
import { fetchNode, nodeLayerEntries, nodePath, readLockedNode } from './node-layer.ts';

export interface BuildOptions {
  /** The checkout: holds package-lock.json and the recipes' sources. */
  readonly root: string;
  /** Text of base.lock.json. */
  readonly baseLock: string;
  /** Seconds since 1970: the time of every file, and `created`. */
  readonly epochSeconds: number;
  /** Folder with all .debs and Node tarballs; without it, apt and npm bring them. */
  readonly packagesFrom?: string;
  /** Default: .cache/images in the checkout. */
  readonly cache?: string;
  readonly onProgress?: OnImageProgress;
}

/** A layer with the packages in it. */
interface StockedLayer extends LayerStep {
  readonly components: readonly ImageComponent[];
}

/** A layer as the cache remembers it, with what only its entries tell. */
interface CachedLayer extends Layer {
  readonly licenses: Readonly<Record<string, readonly string[]>>;
}

interface Build {
  readonly options: BuildOptions;
  readonly cache: Cache;
  readonly onProgress: OnImageProgress;
  /** Changes when the code that decides a layer's bytes does. */
  readonly codeVersion: string;
}

/** @throws ZastavaError `images.base-lock-invalid`, `images.package-gone`, `images.digest-differs`, `environment` */
export async function buildImages(recipes: readonly ImageRecipe[], options: BuildOptions): Promise<BuiltImage[]> {
  const lock = parseBaseLock(options.baseLock, 'base.lock.json');
  const folder = options.cache ?? join(resolve(options.root), '.cache', 'images');
  await sweepCache(folder);
  const build: Build = { options, cache: openCache(folder), onProgress: options.onProgress ?? (() => {}), codeVersion: await codeVersion() };
  const steps = await allOrErrors([
    ...platforms.flatMap(({ architecture }) => [baseLayer(build, lock, architecture), nodeLayer(build, architecture)]),
    ...recipes.map((recipe) => programLayer(build, recipe)),
  ]);
  const systems = platforms.map((_, at) => steps.slice(2 * at, 2 * at + 2));
  const programs = steps.slice(2 * platforms.length);
  return await Promise.all(recipes.map((recipe, at) => assembleImage(build, recipe, systems.map((system) => [...system, programs[at]!]))));
}

/** Waits for all, so that nothing runs on after a failure; failures of one kind become one error with all problems. */
async function allOrErrors<T>(running: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(running);
  const errors: unknown[] = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (errors.length === 0) return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const [first] = errors;
  if (!(first instanceof ZastavaError)) throw first;
  const alike = errors.filter((error) => error instanceof ZastavaError && error.code === first.code) as ZastavaError[];
  throw new ZastavaError(first.code, [...new Set(alike.map((error) => error.message))].join('\n'), { problems: alike.flatMap((error) => error.problems), cause: first });
}

async function baseLayer(build: Build, lock: BaseLock, architecture: Architecture): Promise<StockedLayer> {
  const { cache, options } = build;
  const packages = lock.packages[architecture];
  const { licenses, ...layer } = await cachedLayer(build, `base ${architecture}`, packages.map((locked) => locked.sha256), async () => {
    const debs = await step(build, `base packages ${architecture}`, () => fetchPackages(packages, architecture, cache, options.packagesFrom));
    return await baseLayerEntries(debs);
  });
  const createdBy = `Debian ${lock.suite}: ${packages.map((locked) => `${locked.name} ${locked.version}`).join(', ')}`;
  return { ...layer, createdBy, components: debianComponents(lock.suite, packages, licenses) };
}

async function nodeLayer(build: Build, architecture: Architecture): Promise<StockedLayer> {
  const { cache, options } = build;
  const node = await readLockedNode(options.root, architecture);
  const layer = await cachedLayer(build, `node ${architecture}`, node, async (folder) => {
    const tarball = await step(build, `Node ${architecture}`, () => fetchNode(node, options.root, cache, options.packagesFrom));
    return await nodeLayerEntries(tarball, folder);
  });
  return { ...layer, createdBy: `${node.name} ${node.version} ${node.integrity}`, components: [nodeComponent(node, architecture)] };
}

async function programLayer(build: Build, recipe: ImageRecipe): Promise<StockedLayer> {
  const { name, entry } = recipe.program;
  build.onProgress({ step: 'bundle', subject: name, state: 'started' });
  const { files, packages } = await bundleParts({ root: build.options.root, entry, interpreter: nodePath });
  build.onProgress({ step: 'bundle', subject: name, state: 'finished' });
  const layer = await cachedLayer(build, name, files.map((file) => [file.name, digestOf(file.bytes)]), async () => appLayerEntries(name, files));
  return { ...layer, createdBy: `esbuild ${entry}`, components: await npmComponents(packages, build.options.root) };
}

async function step<T>(build: Build, subject: string, run: () => Promise<T>): Promise<T> {
  build.onProgress({ step: 'fetch', subject, state: 'started' });
  const result = await run();
  build.onProgress({ step: 'fetch', subject, state: 'finished' });
  return result;
}

/** @param inputs all that decides the entries, beside this room's code. */
async function cachedLayer(build: Build, subject: string, inputs: unknown, entriesOf: (folder: string) => Promise<LayerEntry[]>): Promise<CachedLayer> {
  const { cache, onProgress, options: { epochSeconds } } = build;
  const record = cache.recordPath({ subject, inputs, epochSeconds, code: build.codeVersion, node: process.version, zlib: process.versions.zlib });
  const known = (await readRecord(record)) as CachedLayer | undefined;
  if (known && await isBlob(cache, known.digest, known.size)) {
    onProgress({ step: 'layer', subject, state: 'cached' });
    return known;
  }
  onProgress({ step: 'layer', subject, state: 'started' });
  const layer = await cache.work(async (folder) => {
    const entries = await entriesOf(folder);
    const total = contentBytes(entries);
    const made = await writeLayer(entries, join(folder, 'layer'), epochSeconds, (done) => onProgress({ step: 'layer', subject, state: 'running', done: Math.min(done, total), total }));
    await cache.keep(join(folder, 'layer'), cache.blobPath(made.digest));
    return { ...made, licenses: readDebianLicenses(entries) };
  });
  await addFile(cache, record, JSON.stringify(layer));
  onProgress({ step: 'layer', subject, state: 'finished' });
  return layer;
}

/** @param layers of each platform, lowest first. */
async function assembleImage({ cache, options }: Build, recipe: ImageRecipe, layers: readonly (readonly StockedLayer[])[]): Promise<BuiltImage> {
  const blobs = new Map<Digest, { path: string; size: number }>();
  const add = async ({ bytes, descriptor }: ReturnType<typeof buildIndex>) => {
    blobs.set(await addBlob(cache, bytes), { path: cache.blobPath(descriptor.digest), size: descriptor.size });
    return descriptor;
  };
  const children: ImageChild[] = [];
  for (const [at, platform] of platforms.entries()) {
    const own = layers[at]!;
    for (const { digest, size } of own) blobs.set(digest, { path: cache.blobPath(digest), size });
    const config = await add(buildConfig(recipe, platform, own, options.epochSeconds));
    children.push({ platform, descriptor: await add(buildManifest(recipe, config, own, options.epochSeconds)), components: own.flatMap(({ components }) => components) });
  }
  const index = await add(buildIndex(recipe, children.map(({ descriptor }) => descriptor), options.epochSeconds));
  return { name: recipe.name, index, children, blobs };
}

async function codeVersion(): Promise<string> {
  const names = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.ts')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(import.meta.dirname, name), 'utf8')));
  return digestOf(texts.join('\0'));
}
