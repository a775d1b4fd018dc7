/**
 * Finds files in a container's root file system as the container saw it: the folders of an overlay, uppermost first, or the
 * one folder `/proc/<pid>/root`. Names are walked one by one, each from a descriptor of the folder before it, so that no
 * link, not even one that is changed while we walk, leads out of the root. Whiteouts (0:0 devices) hide what lies below.
 * What marks a folder as opaque is an extended attribute, which Node cannot read: in such a folder, files of lower layers
 * that the container no longer saw are found here.
 */
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { openSame, whyUnread, type FileStat, type OpenFile } from './open-file.ts';
import { textLimits } from './proc-text.ts';

export interface FoundFile {
  /** In the root, without links. */
  readonly path: string;
  /** Index of the folder that it lies in. */
  readonly layer: number;
  readonly stat: FileStat;
  /** Null when it is not the same file any more. */
  open(): OpenFile | null;
}

interface Folder {
  readonly path: string;
  /** Open folders that are merged here, uppermost first. */
  readonly parts: readonly { readonly layer: number; readonly descriptor: number }[];
}

type Entry = { readonly kind: 'folder'; readonly folder: Folder } | { readonly kind: 'link'; readonly target: string } | { readonly kind: 'file'; readonly file: FoundFile };

const limits = { linksMax: 40, namesMax: 512, nameBytesMax: 255, openMax: 384, namesListedMax: 1024 } as const;
/** O_PATH of Linux, which Node does not name: a folder can be walked that may not be listed. */
const pathOnly = 0o10000000;
const folderFlags = pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export class RootTree implements Disposable {
  readonly #root: Folder;
  /** Folders that stay open, by their path without links. */
  readonly #folders = new Map<string, Folder>();
  #open = 0;

  /** @param layers Folders, uppermost first; those that are not there are passed over. */
  constructor(layers: readonly string[]) {
    const parts = layers.flatMap((path, layer) => {
      // The way to a layer is the host's own, and `/proc/<pid>/root` is a link of the kernel: these are followed.
      const descriptor = quietly(() => openSync(path, pathOnly | constants.O_DIRECTORY));
      return descriptor === undefined ? [] : [{ layer, descriptor }];
    });
    this.#root = { path: '', parts };
  }

  /** Whether any of its folders is there. */
  get exists(): boolean {
    return this.#root.parts.length > 0;
  }

  /** The device of the uppermost folder. */
  get device(): bigint | undefined {
    const top = this.#root.parts[0];
    return top && statSync(`/proc/self/fd/${top.descriptor}`, { bigint: true }).dev;
  }

  /** A file that is neither folder nor link, at a path from the root; null when there is none, or no way to it. */
  find(path: string): FoundFile | null {
    const entry = this.#walk(path);
    return entry?.kind === 'file' ? entry.file : null;
  }

  /** Names of a folder, sorted; none when it is no folder. */
  list(path: string): string[] {
    const entry = this.#walk(path);
    if (entry?.kind !== 'folder') return [];
    const names = entry.folder.parts.flatMap(({ descriptor }) => quietly(() => readdirSync(`/proc/self/fd/${descriptor}`)) ?? []);
    return [...new Set(names)].sort().slice(0, limits.namesListedMax);
  }

  [Symbol.dispose](): void {
    this.#closeFolders();
    for (const { descriptor } of this.#root.parts) closeSync(descriptor);
  }

  #walk(path: string): Entry | null {
    if (this.#open > limits.openMax) this.#closeFolders();
    const names = path.length > textLimits.pathCharsMax || path.includes('\0') ? undefined : path.split('/');
    if (!names) return null;
    const way: Folder[] = [this.#root];
    for (let links = 0, steps = 0; names.length > 0; steps++) {
      const name = names.shift() ?? '';
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (way.length > 1) way.pop();
        continue;
      }
      const entry = this.#enter(way.at(-1) ?? this.#root, name);
      if (!entry || steps > limits.namesMax) return null;
      if (entry.kind === 'file') return names.length === 0 ? entry : null;
      if (entry.kind === 'folder') way.push(entry.folder);
      else {
        if (++links > limits.linksMax) return null;
        if (entry.target.startsWith('/')) way.splice(1);
        names.unshift(...entry.target.split('/'));
      }
    }
    return { kind: 'folder', folder: way.at(-1) ?? this.#root };
  }

  #enter(parent: Folder, name: string): Entry | null {
    const path = `${parent.path}/${name}`;
    const known = this.#folders.get(path);
    if (known) return { kind: 'folder', folder: known };
    if (Buffer.byteLength(name) > limits.nameBytesMax) return null;
    const parts: Folder['parts'][number][] = [];
    for (const { layer, descriptor } of parent.parts) {
      const at = `/proc/self/fd/${descriptor}/${name}`;
      const stat = quietly(() => lstatSync(at, { bigint: true }));
      if (!stat) continue;
      if (stat.isDirectory()) {
        const opened = quietly(() => openSync(at, folderFlags));
        if (opened !== undefined) parts.push({ layer, descriptor: opened });
        continue;
      }
      // A whiteout, or a file below a folder: neither is to be seen, nor what lies below.
      if (parts.length > 0 || (stat.isCharacterDevice() && stat.rdev === 0n)) break;
      if (!stat.isSymbolicLink()) return { kind: 'file', file: { path, layer, stat, open: () => quietly(() => openSame(at, stat)) ?? null } };
      const target = quietly(() => readlinkSync(at));
      return target === undefined || target === '' ? null : { kind: 'link', target };
    }
    if (parts.length === 0) return null;
    const folder = { path, parts };
    this.#folders.set(path, folder);
    this.#open += parts.length;
    return { kind: 'folder', folder };
  }

  #closeFolders(): void {
    for (const { parts } of this.#folders.values()) for (const { descriptor } of parts) closeSync(descriptor);
    this.#folders.clear();
    this.#open = 0;
  }
}

/** Undefined when the kernel says no. */
function quietly<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    whyUnread(error);
    return undefined;
  }
}
