/**
 * Licences of Debian packages, read from the copyright files that stay in the base layer: the short names of a
 * machine-readable one (DEP-5), of any other the names of the common licences that it refers to.
 */
import { posix } from 'node:path';
import type { LayerEntry } from './layer.ts';

const folder = 'usr/share/doc';

/** Package → names as Debian writes them, sorted. A folder of documents that is a link shares the target's. */
export function readDebianLicenses(entries: readonly LayerEntry[]): Record<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const name = /^usr\/share\/doc\/([^/]+)\/copyright$/.exec(entry.path)?.[1];
    if (name !== undefined && entry.type === 'file' && entry.content instanceof Uint8Array) found.set(name, licensesIn(Buffer.from(entry.content).toString('utf8')));
  }
  for (const entry of entries) {
    if (entry.type !== 'symlink' || posix.dirname(entry.path) !== folder) continue;
    const target = found.get(posix.basename(entry.target));
    if (target !== undefined) found.set(posix.basename(entry.path), target);
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function licensesIn(copyright: string): string[] {
  const isMachineReadable = /^Format:.*\/copyright-format\//m.test(copyright);
  const pattern = isMachineReadable ? /^License:[ \t]*(\S.*?)[ \t]*$/gm : /\/usr\/share\/common-licenses\/([A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])/g;
  return [...new Set([...copyright.matchAll(pattern)].map(([, name]) => name!))].sort();
}
