/** Resolves the first argument of a container in its root, as runc and the kernel do: PATH, folder, scripts. */
import type { FileFacts, FileReader } from './executable.ts';
import { programOf } from './proc-text.ts';
import type { SearchEnvironment } from './snapshot-libraries.ts';
import type { FoundFile, RootTree } from './snapshot-tree.ts';

export interface Entry {
  /** As it was asked for, or as it was found on PATH: links not followed. */
  readonly name: string;
  readonly found: FoundFile;
  readonly facts: FileFacts;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const foldersMax = 64;
/** The kernel follows this many interpreters that are scripts themselves. */
const scriptsMax = 4;

/** Programs from what was asked for to the one that has the machine code; empty when the first is not there. */
export function resolveEntry(tree: RootTree, reader: FileReader, program: string, environment: SearchEnvironment, cwd: string): Entry[] {
  const entries: Entry[] = [];
  for (let name: string | undefined = program; name !== undefined && entries.length <= scriptsMax; ) {
    const entry = findProgram(tree, reader, name, environment, cwd);
    if (!entry) break;
    entries.push(entry);
    name = entry.facts.script && programOf(entry.facts.script);
  }
  return entries;
}

/** What of a list of `NAME=value` counts here; the rest, secrets too, goes no further. The last of a name counts. */
export function searchEnvironment(env: readonly string[]): SearchEnvironment {
  const valueOf = (name: string): string | undefined => env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  const [path, libraryPath, preload] = [valueOf('PATH'), valueOf('LD_LIBRARY_PATH'), valueOf('LD_PRELOAD')];
  return { ...(path === undefined ? {} : { path }), ...(libraryPath === undefined ? {} : { libraryPath }), ...(preload === undefined ? {} : { preload }) };
}

function findProgram(tree: RootTree, reader: FileReader, name: string, { path = defaultPath }: SearchEnvironment, cwd: string): Entry | undefined {
  if (name === '') return undefined;
  const folders = name.startsWith('/') ? [''] : name.includes('/') ? [cwd] : path.split(':', foldersMax).map((folder) => (folder.startsWith('/') ? folder : `${cwd}/${folder}`));
  for (const folder of folders) {
    const at = name.startsWith('/') ? name : `${folder.replace(/\/+$/, '')}/${name}`;
    const found = tree.find(at);
    if (!found?.stat.isFile() || (found.stat.mode & 0o111n) === 0n) continue;
    using file = found.open();
    if (file) return { name: at, found, facts: reader.facts(file) };
  }
  return undefined;
}
