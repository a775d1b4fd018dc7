/**
 * Drift: programs and libraries that run and are not what the image holds. A file of the writable layer counts when its
 * content differs from the image's, not when only its owner or times do; a file of the image that was unlinked while it
 * runs does not. Code without a file (memfd) always counts. Volumes are not the writable layer.
 */
import type { FileReader } from './executable.ts';
import type { OpenFile } from './open-file.ts';
import { boundText, textLimits } from './proc-text.ts';
import type { DriftFile, RootFolders } from './process-facts.ts';
import { RootTree } from './snapshot-tree.ts';

export interface RunningFile {
  /** In the container, as the kernel writes it but without its ` (deleted)`. */
  readonly path: string;
  readonly deleted: boolean;
  /** Undefined when it is not known: then it is taken to be the root's. */
  readonly device: bigint | undefined;
  /** The very file that runs; null when it cannot be had. */
  open(): OpenFile | null;
}

/** Larger files are compared by size and time of modification, which a copy into the writable layer keeps. */
const comparedBytesMax = 256 * 1024 * 1024;

/** Sorted by path. @param device Of the container's root: a file elsewhere is on a volume. */
export function findDrift(running: readonly RunningFile[], device: bigint | undefined, { upper, lowers }: RootFolders, reader: FileReader): DriftFile[] {
  const drift = new Map<string, DriftFile>();
  const add = (path: string, change: DriftFile['change']): unknown => drift.set(path, { path: boundText(path, textLimits.pathCharsMax), change });
  using writable = new RootTree(upper === undefined ? [] : [upper]);
  using image = new RootTree(lowers);
  for (const file of running) {
    const memory = /^\/(memfd:.*)$/s.exec(file.path)?.[1];
    if (memory !== undefined) add(memory, 'new');
    else if (writable.exists && image.exists && (device === undefined || (file.device ?? device) === device)) {
      const change = changeOf(file, writable, image, reader);
      if (change) add(file.path, change);
    }
  }
  return [...drift.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function changeOf(file: RunningFile, writable: RootTree, image: RootTree, reader: FileReader): DriftFile['change'] | undefined {
  const found = file.deleted ? null : writable.find(file.path);
  if (!file.deleted && !found) return undefined;
  using now = found ? found.open() : file.open();
  const original = image.find(file.path);
  using before = original?.stat.isFile() ? original.open() : null;
  if (!before) return 'new';
  return now && hasSameContent(now, before, reader) ? undefined : 'changed';
}

function hasSameContent(one: OpenFile, other: OpenFile, reader: FileReader): boolean {
  if (one.size !== other.size) return false;
  if (one.stat.ino === other.stat.ino && one.stat.dev === other.stat.dev) return true;
  return one.size > comparedBytesMax ? one.stat.mtimeNs === other.stat.mtimeNs : reader.sha256(one) === reader.sha256(other);
}
