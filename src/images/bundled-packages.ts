/** Which npm packages are in a bundle: of each bundled file the nearest package.json above it that names a package. */
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';

export interface BundledPackage {
  /** Folder relative to the checkout, as package-lock.json names it. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** SPDX expression, where the package states one. */
  readonly license?: string;
}

/** @param inputs files relative to the checkout; those outside of node_modules are the program's own. Sorted by folder. */
export async function findBundledPackages(root: string, inputs: readonly string[]): Promise<BundledPackage[]> {
  const known = new Map<string, Promise<BundledPackage | undefined>>();
  const folders = new Set(inputs.filter((path) => path.includes('node_modules/')).map((path) => posix.dirname(path)));
  const found = new Map<string, BundledPackage>();
  for (const folder of folders) {
    const owner = await nearestPackage(root, folder, known);
    if (owner !== undefined) found.set(owner.folder, owner);
  }
  return [...found.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** A package.json without a name and version (of a folder of ES modules, for example) belongs to the package above. */
async function nearestPackage(root: string, folder: string, known: Map<string, Promise<BundledPackage | undefined>>): Promise<BundledPackage | undefined> {
  for (let at = folder; at !== '.' && posix.basename(at) !== 'node_modules'; at = posix.dirname(at)) {
    if (!known.has(at)) known.set(at, readPackage(root, at));
    const own = await known.get(at);
    if (own !== undefined) return own;
  }
  return undefined;
}

async function readPackage(root: string, folder: string): Promise<BundledPackage | undefined> {
  const text = await readFile(join(root, folder, 'package.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { name, version, license } = JSON.parse(text) as { name?: unknown; version?: unknown; license?: unknown };
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  return { folder, name, version, ...(typeof license === 'string' && { license }) };
}
