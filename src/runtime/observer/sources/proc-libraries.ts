/** The libraries that a process has mapped: by the kernel's own link to the mapped file, or by path when that may not be used. */
import type { LoadedLibrary } from '../../../contract/runtime-event.ts';
import type { FileReader } from './executable.ts';
import type { MappedFile } from './maps.ts';
import { whyUnread, type FileStat, type OpenFile } from './open-file.ts';
import type { RunningFile } from './proc-drift.ts';
import { boundText, textLimits } from './proc-text.ts';
import { withoutMark } from './proc-trace.ts';
import type { Procfs, Program } from './procfs.ts';
import { hashBudget, libraryOf, type LibraryLimits } from './snapshot-libraries.ts';
import type { RootTree } from './snapshot-tree.ts';

export interface MappedLibraries {
  /** Sorted by path. */
  readonly libs: LoadedLibrary[];
  /** The same files, and libraries in memory only. */
  readonly running: RunningFile[];
  readonly mapped: number;
}

/** Mappings with code that are no files of a container. */
const noFile = /^\/(memfd:|dev\/|SYSV|\/anon|\[|anon_hugepage|i915|drm )/;

export function readLibraries(procfs: Procfs, { pid, link, exe }: Program, tree: RootTree, reader: FileReader, limits: LibraryLimits): MappedLibraries {
  const found: MappedLibraries = { libs: [], running: [], mapped: 0 };
  const mapped = procfs.maps(pid).sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const budget = hashBudget(limits);
  const program = withoutMark(tree, link, exe.ino).path;
  let charsLeft: number = textLimits.libraryPathsCharsMax;
  for (const mapping of mapped) {
    if (found.libs.length >= limits.max || charsLeft <= 0) break;
    const { path, deleted } = withoutMark(tree, mapping.path, mapping.inode);
    // It may have been unlinked since its link was read.
    if (path === program && isSame(mapping, exe)) continue;
    using file = openMapping(procfs, pid, mapping, tree);
    const elf = file ? reader.facts(file).elf : undefined;
    // What is not ELF, or has no name in the file system, is code that a runtime made for itself.
    if (file ? !elf : noFile.test(mapping.path)) continue;
    found.running.push({ path, deleted, device: file?.stat.dev, open: () => openMapping(procfs, pid, mapping, tree) });
    if (noFile.test(path)) continue;
    charsLeft -= path.length;
    found.libs.push(libraryOf(boundText(path, textLimits.pathCharsMax), mapping.inode, elf, file && budget(file.size) ? reader.sha256(file) : undefined));
  }
  return { ...found, mapped: mapped.length };
}

function openMapping(procfs: Procfs, pid: number, mapping: MappedFile, tree: RootTree): OpenFile | null {
  try {
    const file = procfs.openMapped(pid, mapping);
    if (file) return file;
  } catch (error) {
    whyUnread(error);
  }
  const found = tree.find(mapping.path);
  return found && isSame(mapping, found.stat) ? found.open() : null;
}

/** Up to Linux 6.7, maps name the device below an overlay; the overlay's own then has the major number 0, and the same inode. */
function isSame({ device, inode }: MappedFile, { dev, ino }: FileStat): boolean {
  const [major = 0n, minor = 0n] = device.split(':').map((part) => BigInt(`0x${part}`));
  const foundMajor = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const foundMinor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return inode === ino && ((major === foundMajor && minor === foundMinor) || foundMajor === 0n);
}
