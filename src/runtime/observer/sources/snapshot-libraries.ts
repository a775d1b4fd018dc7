/**
 * The libraries that the dynamic linker would load for a program, found in its root file system: ld.so(8) of glibc and of
 * musl. Which of DT_RPATH and DT_RUNPATH a path came from is not known here, so paths are not passed on to the libraries
 * of a library.
 */
import type { LoadedLibrary } from '../../../contract/runtime-event.ts';
import type { ElfFacts, FileReader } from './executable.ts';
import { textLimits } from './proc-text.ts';
import type { RootTree } from './snapshot-tree.ts';

/** `zastava.observer.libraries`. */
export interface LibraryLimits {
  readonly max: number;
  /** Bytes of a file up to which it is hashed. */
  readonly maxBytes: number;
}

/** Part of an environment that says where programs and libraries are. */
export interface SearchEnvironment {
  readonly path?: string;
  readonly libraryPath?: string;
  readonly preload?: string;
}

interface Search {
  readonly tree: RootTree;
  readonly reader: FileReader;
  readonly program: ElfFacts;
  readonly environment: SearchEnvironment;
  /** Searched last, for every library. */
  readonly folders: readonly string[];
}

interface FoundLibrary {
  readonly library: LoadedLibrary;
  readonly elf: ElfFacts;
}

/** Hashes of one process or snapshot cost at most this many times `maxBytes`. */
const hashedFilesWorth = 8;
const configuration = { depthMax: 4, foldersMax: 256, bytesMax: 64 * 1024 } as const;
/** Where Debian's and Ubuntu's linkers look without being told, by e_machine. */
const multiarch: Readonly<Record<number, string>> = { 3: 'i386-linux-gnu', 40: 'arm-linux-gnueabihf', 62: 'x86_64-linux-gnu', 183: 'aarch64-linux-gnu', 243: 'riscv64-linux-gnu' };

/** Sorted by path. @param at Where the program is, without links. */
export function findLibraries(tree: RootTree, reader: FileReader, at: string, program: ElfFacts, environment: SearchEnvironment, limits: LibraryLimits): LoadedLibrary[] {
  const found = new Map<string, FoundLibrary>();
  let charsLeft: number = textLimits.libraryPathsCharsMax;
  const budget = hashBudget(limits);
  const linker = program.interpreter === undefined ? undefined : openLibrary(tree, reader, program, program.interpreter, budget);
  if (!linker || limits.max === 0) return [];
  found.set(linker.library.path, linker);
  const search: Search = { tree, reader, program, environment, folders: systemFolders(tree, program, linker.library.path) };
  const preloaded = [...(environment.preload ?? '').split(/[ :]+/), ...words(readSmall(tree, '/etc/ld.so.preload'))].filter((name) => name !== '');
  // Breadth first, as the linker does it: the file found first under a name serves all that need the name.
  const queue: { name: string; elf: ElfFacts; from: string }[] = [...preloaded, ...program.needed].map((name) => ({ name, elf: program, from: at }));
  const asked = new Set<string>([baseName(program.interpreter ?? '')]);
  for (let next = queue.shift(); next && found.size < limits.max; next = queue.shift()) {
    if (asked.has(next.name)) continue;
    asked.add(next.name);
    const library = findLibrary(search, next.name, next.elf, next.from, budget);
    if (!library || found.has(library.library.path)) continue;
    charsLeft -= library.library.path.length;
    if (charsLeft < 0) break;
    found.set(library.library.path, library);
    queue.push(...library.elf.needed.map((name) => ({ name, elf: library.elf, from: library.library.path })));
  }
  return [...found.values()].map(({ library }) => library).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether a file of this many bytes may still be hashed: by size and order alone, so that the same files give the same answer. */
export function hashBudget({ maxBytes }: LibraryLimits): (size: number) => boolean {
  let left = hashedFilesWorth * maxBytes;
  return (size) => {
    if (size === 0 || size > maxBytes || size > left) return false;
    left -= size;
    return true;
  };
}

function findLibrary(search: Search, name: string, elf: ElfFacts, from: string, budget: (size: number) => boolean): FoundLibrary | undefined {
  const { tree, reader, program, environment, folders } = search;
  if (name.includes('/')) return openLibrary(tree, reader, program, expand(name, from, program), budget);
  const told = [...elf.searchPaths, ...(elf === program ? [] : program.searchPaths)].map((path) => expand(path, from, program));
  const fromEnvironment = (environment.libraryPath ?? '').split(/[:;]/).filter((path) => path !== '').map((path) => expand(path, from, program));
  for (const folder of [...fromEnvironment, ...told, ...folders].slice(0, configuration.foldersMax)) {
    const library = openLibrary(tree, reader, program, `${folder}/${name}`, budget);
    if (library) return library;
  }
  return undefined;
}

/** `$ORIGIN`, `$LIB` and `$PLATFORM` of ld.so(8). */
function expand(path: string, from: string, { is64, machine }: ElfFacts): string {
  const values: Readonly<Record<string, string>> = { ORIGIN: from.slice(0, from.lastIndexOf('/')) || '/', LIB: is64 ? 'lib64' : 'lib', PLATFORM: machine === 183 ? 'aarch64' : 'x86_64' };
  return path.replaceAll(/\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)\b)/g, (_, braced: string | undefined, bare: string | undefined) => values[braced ?? bare ?? ''] ?? '');
}

/** A file for another machine is passed over, as the linker does it. */
function openLibrary(tree: RootTree, reader: FileReader, program: ElfFacts, path: string, budget: (size: number) => boolean): FoundLibrary | undefined {
  const found = tree.find(path);
  using file = found?.stat.isFile() ? found.open() : null;
  if (!found || !file) return undefined;
  const { elf } = reader.facts(file);
  if (!elf || elf.machine !== program.machine || elf.is64 !== program.is64) return undefined;
  const sha256 = budget(file.size) ? reader.sha256(file) : undefined;
  return { library: libraryOf(found.path, file.stat.ino, elf, sha256), elf };
}

export function libraryOf(path: string, inode: bigint, elf: ElfFacts | undefined, sha256: string | undefined): LoadedLibrary {
  return { path, ...(inode <= BigInt(Number.MAX_SAFE_INTEGER) ? { inode: Number(inode) } : {}), ...(sha256 === undefined ? {} : { sha256 }), ...(elf?.buildId === undefined ? {} : { buildId: elf.buildId }) };
}

function systemFolders(tree: RootTree, program: ElfFacts, linker: string): string[] {
  const name = baseName(program.interpreter ?? '');
  const musl = /^ld-musl-(.+)\.so\.\d+$/.exec(name);
  if (musl) {
    const told = words(readSmall(tree, `/etc/ld-musl-${musl[1]}.path`).replaceAll(':', '\n'));
    return told.length > 0 ? told : ['/lib', '/usr/local/lib', '/usr/lib'];
  }
  const triplet = multiarch[program.machine];
  const ofDebian = triplet === undefined ? [] : [`/lib/${triplet}`, `/usr/lib/${triplet}`];
  return [...new Set([...configuredFolders(tree, '/etc/ld.so.conf', 0), ...ofDebian, linker.slice(0, linker.lastIndexOf('/')), '/lib64', '/usr/lib64', '/lib', '/usr/lib'])];
}

/** The lines of ld.so.conf, and of the files that it includes by a pattern in their last name. */
function configuredFolders(tree: RootTree, path: string, depth: number): string[] {
  if (depth > configuration.depthMax) return [];
  const folders: string[] = [];
  for (const line of words(readSmall(tree, path))) {
    const included = /^include[ \t]+(.+)$/.exec(line)?.[1];
    if (included === undefined) {
      if (line.startsWith('/')) folders.push(line.replace(/=.*$/, ''));
      continue;
    }
    const whole = included.startsWith('/') ? included : `${path.slice(0, path.lastIndexOf('/'))}/${included}`;
    const cut = whole.lastIndexOf('/');
    const [folder, pattern] = [whole.slice(0, cut), whole.slice(cut + 1)];
    const names = tree.list(folder).filter((name) => matches(name, pattern));
    for (const name of names) {
      if (folders.length >= configuration.foldersMax) break;
      folders.push(...configuredFolders(tree, `${folder}/${name}`, depth + 1));
    }
  }
  return folders.slice(0, configuration.foldersMax);
}

/** `*` only, and the first and last of them count: enough for every distribution, and no expression of an attacker's is run. */
function matches(name: string, pattern: string): boolean {
  const first = pattern.indexOf('*');
  if (first < 0) return name === pattern;
  const [start, end] = [pattern.slice(0, first), pattern.slice(pattern.lastIndexOf('*') + 1)];
  return !name.startsWith('.') && name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end);
}

function readSmall(tree: RootTree, path: string): string {
  const found = tree.find(path);
  using file = found?.stat.isFile() ? found.open() : null;
  return file ? Buffer.from(file.read(0, Math.min(file.size, configuration.bytesMax))).toString('utf8') : '';
}

/** Lines without comments and blanks around them. */
function words(text: string): string[] {
  return text.split('\n').map((line) => line.replace(/#.*$/, '').trim()).filter((line) => line !== '');
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
