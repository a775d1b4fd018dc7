/** The packages of a layer as components of an image, from the locks that pin them and from what the packages say of themselves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture, LockedPackage } from './base-lock.ts';
import type { BundledPackage } from './bundled-packages.ts';
import type { ImageComponent } from './image.ts';
import type { LockedNode } from './node-layer.ts';

export function debianComponents(suite: string, packages: readonly LockedPackage[], licenses: Readonly<Record<string, readonly string[]>>): ImageComponent[] {
  return packages.map(({ name, version, architecture, sha256 }) => ({
    kind: 'debian', name, version, architecture, suite, licenses: licenses[name] ?? [], pinned: { algorithm: 'sha256', hex: sha256 },
  }));
}

export function nodeComponent({ version, integrity, license }: LockedNode, architecture: Architecture): ImageComponent {
  return { kind: 'node', name: 'node', version, architecture, licenses: license === undefined ? [] : [license], ...pinnedBy(integrity) };
}

/** @param root the checkout, whose package-lock.json has the packages' digests. */
export async function npmComponents(packages: readonly BundledPackage[], root: string): Promise<ImageComponent[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { integrity?: string } | undefined> };
  return packages.map(({ folder, name, version, license }) => ({
    kind: 'npm', name, version, licenses: license === undefined ? [] : [license], ...pinnedBy(lock.packages[folder]?.integrity),
  }));
}

/** From Subresource Integrity, as npm's lock has it. */
function pinnedBy(integrity: string | undefined): Pick<ImageComponent, 'pinned'> {
  const base64 = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity ?? '')?.[1];
  return base64 === undefined ? {} : { pinned: { algorithm: 'sha512', hex: Buffer.from(base64, 'base64').toString('hex') } };
}
