/**
 * How a container came to the program that runs now: shell → … → the real program. An init such as tini stays and starts
 * it as its child; a shell becomes it, or starts it; a script runs in its interpreter.
 */
import { whyUnread } from './open-file.ts';
import { boundText, programOf, textLimits } from './proc-text.ts';
import type { Procfs, Program } from './procfs.ts';
import type { FileReader } from './executable.ts';
import type { Entry } from './snapshot-entry.ts';
import type { FoundFile, RootTree } from './snapshot-tree.ts';

const runtimes = new Set(['runc', 'crun', 'youki']);
const inits = new Set(['tini', 'tini-static', 'dumb-init', 'docker-init', 'catatonit']);
const shells = new Set(['sh', 'ash', 'bash', 'dash', 'ksh', 'zsh', 'env', 'gosu', 'su-exec', 'setpriv', 'nohup', 'nice']);
const mark = ' (deleted)';
const programsMax = 16;
/** Arguments in which a script is looked for: the kernel puts it after the interpreter and its one argument. */
const scriptArgumentsMax = 3;

/**
 * The runtime's own process, before it becomes the container's program: runc may run as a copy in memory, or as a file that
 * it mounted over itself and took away, whose path is that of a mount without a place. A container can look like this, too.
 */
export function isRuntimeInit({ link }: Program): boolean {
  return link === '/' || link.startsWith('/memfd:runc_cloned:') || runtimes.has(nameOf(link));
}

/** Whether another program is to be expected from it. */
export function isStarter({ link, args: [first = ''] }: Program): boolean {
  return [nameOf(link), nameOf(first).replace(/^-/, '')].some((name) => shells.has(name) || inits.has(name));
}

/** From the program to its only child, and on, as long as each is there to start another. */
export function followChildren(procfs: Procfs, first: Program): Program[] {
  const chain = [first];
  for (let last = first; chain.length < programsMax && isStarter(last); ) {
    const next = onlyChild(procfs, last);
    if (!next || chain.some(({ pid }) => pid === next.pid)) break;
    chain.push(next);
    last = next;
  }
  return chain;
}

function onlyChild(procfs: Procfs, { pid }: Program): Program | null {
  try {
    const [child, ...others] = procfs.children(pid);
    return child === undefined || others.length > 0 ? null : procfs.program(child);
  } catch (error) {
    // Children come and go while they are looked at, and a kernel can be built without this list.
    whyUnread(error);
    return null;
  }
}

/** The process that an event is about: behind inits the program that they are there for, but not what a shell happens to run. */
export function realProgram(chain: readonly Program[]): Program | undefined {
  return chain.find(({ link }) => !inits.has(nameOf(link))) ?? chain.at(-1);
}

/** The script that an interpreter runs because execve(2) was called with it: its arguments then begin as the kernel makes them. */
export function findScript(tree: RootTree, reader: FileReader, { args }: Program, folder: string): FoundFile | undefined {
  for (const name of args.slice(1, 1 + scriptArgumentsMax)) {
    const found = name === '' ? null : tree.find(name.startsWith('/') ? name : `${folder}/${name}`);
    using file = found?.stat.isFile() ? found.open() : null;
    const script = file ? reader.facts(file).script : undefined;
    if (found && script && (args[0] === script.interpreter || args[0] === programOf(script))) return found;
  }
  return undefined;
}

/** Names in order, each file once in a row: what was asked for by its own name, what was seen by the kernel's. */
export function traceOf(tree: RootTree, entries: readonly Pick<Entry, 'name' | 'found'>[], seen: readonly Program[]): string[] {
  const steps = [
    ...entries.map(({ name, found: { stat } }) => ({ name, file: `${stat.dev} ${stat.ino}` })),
    ...seen.map(({ link, exe }) => ({ name: withoutMark(tree, link, exe.ino).path, file: `${exe.dev} ${exe.ino}` })),
  ];
  return steps.filter(({ file }, index) => file !== steps[index - 1]?.file).slice(0, programsMax).map(({ name }) => boundText(name, textLimits.pathCharsMax));
}

/**
 * A path without the kernel's mark for a file that was unlinked. The mark may also be the end of a real name: then that
 * file is there. The number of its links says nothing, since an overlay leaves a file of the image as it is.
 */
export function withoutMark(tree: RootTree, path: string, inode: bigint): { readonly path: string; readonly deleted: boolean } {
  const deleted = path.endsWith(mark) && tree.find(path)?.stat.ino !== inode;
  return { path: deleted ? path.slice(0, -mark.length) : path, deleted };
}

function nameOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.endsWith(mark) ? name.slice(0, -mark.length) : name;
}
