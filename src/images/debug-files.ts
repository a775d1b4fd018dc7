/**
 * The symbols of what is in the images: each ELF file of the base and Node layers by its build-id, with the file that
 * Debian's debug packages have under that id, or the reason why there is none. Nothing of this goes into an image.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseElf, type RandomAccess } from '../bytes/elf.ts';
import { readElfIds } from '../bytes/elf-notes.ts';
import { debugPath } from '../contract/debug-store.ts';
import { ZastavaError } from '../contract/errors.ts';
import type { Digest } from '../contract/oci.ts';
import { keepsPath } from './base-layer.ts';
import { architectures, parseBaseLock, type Architecture, type LockedPackage } from './base-lock.ts';
import type { BuildOptions } from './build-images.ts';
import { addBlob, addFile, isBlob, openCache, readRecord, type Cache } from './cache.ts';
import { readDebianPackage } from './debian-package.ts';
import { fetchPackages } from './debian-packages.ts';
import type { LayerEntry } from './layer.ts';
import { fetchNode, nodeLayerEntries, readLockedNode } from './node-layer.ts';

/** An ELF file of the images. `package` is a name and a version. */
interface ElfInImage {
  /** Without a leading slash. */
  readonly path: string;
  readonly architecture: Architecture;
  readonly package: string;
}

interface ImageDebugFile extends ElfInImage {
  readonly buildId: string;
  /** Of the file of symbols, which is a blob of the cache. */
  readonly digest: Digest;
  readonly size: number;
  /** Name and version of the package that it is from. */
  readonly from: string;
}

export interface ImageDebugFiles {
  readonly files: readonly (ImageDebugFile & { readonly file: string })[];
  readonly without: readonly (ElfInImage & { readonly buildId: string | null; readonly why: string })[];
}

interface Collected {
  readonly files: readonly ImageDebugFile[];
  readonly without: ImageDebugFiles['without'];
}

/** Changes with what this module finds in the same packages. */
const recordVersion = 2;

/** Downloads what the cache lacks. @throws ZastavaError as buildImages */
export async function collectDebugFiles(options: Pick<BuildOptions, 'root' | 'baseLock' | 'packagesFrom' | 'cache'>): Promise<ImageDebugFiles> {
  const cache = openCache(options.cache ?? join(resolve(options.root), '.cache', 'images'));
  const lock = parseBaseLock(options.baseLock, 'base.lock.json');
  const parts: Collected[] = [];
  for (const architecture of architectures) {
    const node = await readLockedNode(options.root, architecture);
    const [base, symbols] = [lock.packages[architecture], lock.debugPackages[architecture]];
    const record = cache.recordPath({ subject: 'debug', recordVersion, base, symbols, node });
    parts.push(await remembered(cache, record, async (folder) => {
      const fetched = (packages: readonly LockedPackage[]): Promise<string[]> => fetchPackages(packages, architecture, cache, options.packagesFrom);
      const tarball = await fetchNode(node, options.root, cache, options.packagesFrom);
      const elves = [
        ...await elvesOfPackages(base, await fetched(base), architecture),
        ...elvesOf(await nodeLayerEntries(tarball, folder), { architecture, package: `${node.name} ${node.version}` }),
      ];
      return await match(elves, await readSymbols(symbols, await fetched(symbols)), cache);
    }));
  }
  return {
    files: parts.flatMap(({ files }) => files).map((found) => ({ ...found, file: cache.blobPath(found.digest) })),
    without: parts.flatMap(({ without }) => without),
  };
}

async function remembered(cache: Cache, record: string, collect: (folder: string) => Promise<Collected>): Promise<Collected> {
  const known = (await readRecord(record)) as Collected | undefined;
  if (known !== undefined && (await Promise.all(known.files.map(({ digest, size }) => isBlob(cache, digest, size)))).every(Boolean)) return known;
  const collected = await cache.work(collect);
  await addFile(cache, record, JSON.stringify(collected));
  return collected;
}

interface Elf extends ElfInImage {
  readonly buildId: string | null;
}

async function elvesOfPackages(packages: readonly LockedPackage[], debs: readonly string[], architecture: Architecture): Promise<Elf[]> {
  const elves: Elf[] = [];
  for (const [at, deb] of debs.entries()) elves.push(...elvesOf((await readDebianPackage(deb, keepsPath)).entries, { architecture, package: nameOf(packages[at]!) }));
  return elves;
}

function elvesOf(entries: readonly LayerEntry[], origin: Omit<ElfInImage, 'path'>): Elf[] {
  return entries.flatMap((entry) => {
    if (entry.type !== 'file') return [];
    const elf = entry.content instanceof Uint8Array ? readIds(inMemory(entry.content)) : withFile(entry.content.file, readIds);
    return elf === null ? [] : [{ ...origin, path: entry.path, buildId: elf.buildId ?? null }];
  });
}

const readIds = (file: RandomAccess): { buildId?: string } | null => {
  const elf = parseElf(file);
  return elf === null ? null : readElfIds(elf);
};

function inMemory(bytes: Uint8Array): RandomAccess {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

function withFile<T>(path: string, use: (file: RandomAccess) => T): T {
  const descriptor = openSync(path, 'r');
  try {
    return use({
      size: fstatSync(descriptor).size,
      read(offset, length) {
        const bytes = Buffer.alloc(length);
        return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
      },
    });
  } finally {
    closeSync(descriptor);
  }
}

const prefix = 'usr/lib/debug/';

/** Path below the debug folder → the file and its package. */
async function readSymbols(packages: readonly LockedPackage[], debs: readonly string[]): Promise<Map<string, { bytes: Uint8Array; from: string }>> {
  const symbols = new Map<string, { bytes: Uint8Array; from: string }>();
  for (const [at, deb] of debs.entries()) {
    const { entries } = await readDebianPackage(deb, (path) => path.startsWith(`${prefix}.build-id/`));
    for (const entry of entries) {
      if (entry.type === 'file' && entry.content instanceof Uint8Array) symbols.set(entry.path.slice(prefix.length), { bytes: entry.content, from: nameOf(packages[at]!) });
    }
  }
  return symbols;
}

async function match(elves: readonly Elf[], symbols: ReadonlyMap<string, { bytes: Uint8Array; from: string }>, cache: Cache): Promise<Collected> {
  const files: ImageDebugFile[] = [];
  const without: ImageDebugFiles['without'][number][] = [];
  for (const { buildId, ...elf } of elves) {
    const found = buildId === null ? undefined : symbols.get(debugPath(buildId));
    if (buildId === null || found === undefined) {
      without.push({ ...elf, buildId, why: whyWithout(elf.package, buildId) });
      continue;
    }
    const own = readIds(inMemory(found.bytes))?.buildId;
    if (own !== buildId) throw new ZastavaError('debug.file-invalid', `${found.from} has symbols under the build-id ${buildId} whose own build-id is ${own ?? 'none'}.`);
    files.push({ ...elf, buildId, digest: await addBlob(cache, found.bytes), size: found.bytes.length, from: found.from });
  }
  return { files, without };
}

/** Debian keeps symbols of the others in an archive of its own; the publisher of Node keeps none apart. */
function whyWithout(origin: string, buildId: string | null): string {
  if (buildId === null) return 'it has no GNU build-id';
  return origin.startsWith('node-') ? 'its publisher has no file of symbols; the binary itself is not stripped and has its symbol table' : 'no package of symbols in base.lock.json has it: Debian has it in its archive of -dbgsym packages only, if at all';
}

function nameOf({ name, version }: LockedPackage): string {
  return `${name} ${version}`;
}
