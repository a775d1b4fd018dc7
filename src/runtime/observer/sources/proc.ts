/**
 * What runs in a process of the node, from its proc file system: how it was started, its program and its libraries.
 *
 *     runtime's init ──(exec)──► shell or init ──(exec, fork)──► the program      each look: who it is → facts → still the same?
 *
 * A look counts only when pid, start time, boot and program are the same after it as before; an exec in between means
 * another look, and after a few of them nothing is said.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Evidence, LoadedLibrary } from '../../../contract/runtime-event.ts';
import { idsOf, type FileFacts, type FileReader } from './executable.ts';
import { isSameFile, whyUnread } from './open-file.ts';
import { findDrift, type RunningFile } from './proc-drift.ts';
import { readLibraries } from './proc-libraries.ts';
import { boundArguments, boundText, textLimits } from './proc-text.ts';
import { findScript, followChildren, isRuntimeInit, isStarter, realProgram, traceOf, withoutMark } from './proc-trace.ts';
import type { ObservedProcess, Unseen, WantedProcess } from './process-facts.ts';
import { Procfs, type Program } from './procfs.ts';
import { resolveEntry, searchEnvironment } from './snapshot-entry.ts';
import { findLibraries, type LibraryLimits } from './snapshot-libraries.ts';
import { RootTree } from './snapshot-tree.ts';

export interface ProcessOptions {
  readonly procRoot: string;
  readonly libraries: LibraryLimits;
  readonly reader: FileReader;
}

/** Looks that find another program at their end than at their start. */
const unsteadyMax = 5;
const seenMax = 16;
/**
 * A program's libraries are mapped in a few milliseconds, on a busy node in many: they are waited for longer than a shell's child,
 * and those that are not mapped by then are looked for where the linker will find them.
 */
const linkWaits = 10;
/** Of a program without a GNU build-id: its hash is then all that names it. */
const hashedBytesMax = 256 * 1024 * 1024;

export async function readProcess(pid: number, wanted: WantedProcess, options: ProcessOptions): Promise<ObservedProcess | Unseen> {
  const procfs = new Procfs(options.procRoot);
  const { runtimeWaitMsMax = 1000, programWaitMsMax = 20 } = wanted;
  const seen: Program[] = [];
  const began = performance.now();
  let programSince: number | undefined;
  for (let unsteady = 0, pauseMs = 1; unsteady < unsteadyMax; pauseMs = Math.min(2 * pauseMs, 16)) {
    try {
      const bootId = procfs.bootId();
      const first = procfs.program(pid);
      if (!first || (seen[0] && seen[0].startTime !== first.startTime)) return { idKind: 'exited' };
      const now = performance.now();
      if (!isRuntimeInit(first) || now - began >= runtimeWaitMsMax) {
        programSince ??= now;
        const chain = followChildren(procfs, first);
        const last = chain.at(-1) ?? first;
        if (seen.length < seenMax && !isSeen(seen.at(-1), first)) seen.push(first);
        if (!isStarter(last) || now - programSince >= programWaitMsMax) {
          const isLast = now - programSince >= linkWaits * programWaitMsMax;
          const observed = look(procfs, { chain, seen, bootId, isLast }, wanted, options);
          if (observed && (observed.isLinked || isLast)) return observed.process;
          if (!observed) unsteady++;
        }
      }
    } catch (error) {
      return { idKind: whyUnread(error) };
    }
    await sleep(pauseMs);
  }
  return { idKind: 'unreadable' };
}

interface Looked {
  readonly chain: readonly Program[];
  readonly seen: readonly Program[];
  readonly bootId: string;
  /** No other look follows, whatever is mapped by now. */
  readonly isLast: boolean;
}

/** Null when the process is not the same at the end. `isLinked`: the dynamic linker has mapped what the program needs. */
function look(procfs: Procfs, { chain, seen, bootId, isLast }: Looked, wanted: WantedProcess, { libraries, reader }: ProcessOptions): { process: ObservedProcess; isLinked: boolean } | null {
  const [first, described] = [chain[0], wanted.follow === false ? chain[0] : realProgram(chain)];
  if (!first || !described) return null;
  using tree = new RootTree([procfs.rootOf(described.pid)]);
  using file = procfs.openExe(described.pid);
  if (!file || !isSameFile(file.stat, described.exe)) return null;
  const script = findScript(tree, reader, described, procfs.folderOf(described.pid));
  const facts = reader.facts(file);
  const ids = idsOf(script ? { script: { interpreter: described.link } } : facts);
  const asked = wanted.args?.[0];
  const entries = asked !== undefined ? resolveEntry(tree, reader, asked, searchEnvironment(wanted.env ?? []), wanted.cwd ?? '/') : [];
  const steps = entries.length > 0 || !script ? entries : [{ name: script.path, found: script }];
  const { libs, running, mapped } = readLibraries(procfs, described, tree, reader, libraries);
  const linked = isLinked(facts, mapped);
  const expected = linked || !isLast || !facts.elf ? [] : findLibraries(tree, reader, withoutMark(tree, described.link, described.exe.ino).path, facts.elf, searchEnvironment(wanted.env ?? []), libraries);
  const sha256 = ids.idKind === 'stripped' && file.size <= hashedBytesMax ? reader.sha256(file) : undefined;
  const programs: RunningFile[] = chain.map((program) => runningProgram(procfs, program, tree));
  if (script) programs.push({ path: script.path, deleted: false, device: script.stat.dev, open: () => script.open() });
  const drift = wanted.rootfs ? findDrift([...programs, ...running], tree.device, wanted.rootfs, reader) : [];
  const after = procfs.program(described.pid);
  if (!after || !isSeen(after, described) || procfs.bootId() !== bootId) return null;
  const evidence: Evidence[] = [{ signal: 'procfs.exe', value: boundText(described.link, textLimits.pathCharsMax) }, { signal: 'procfs.maps', value: `${mapped} mappings` }];
  if (described !== first) evidence.push({ signal: 'procfs.init', value: boundText(`${first.pid} ${first.link}`, textLimits.pathCharsMax) });
  if (expected.length > 0) evidence.push({ signal: 'snapshot.libraries', value: `${expected.length} files` });
  if (sha256 !== undefined) evidence.push({ signal: 'procfs.exe.sha256', value: sha256 });
  const process: ObservedProcess = {
    facts: { pid: described.pid, startTime: described.startTime, entrypoint: boundArguments(wanted.args ?? first.args), entryTrace: traceOf(tree, steps, [...seen, ...chain.slice(1)]), ...ids },
    bootId, libs: together(libs, expected, libraries.max), evidence, drift,
  };
  return { process, isLinked: linked };
}

/** Sorted by path. All that is mapped, two files of one path, too, when one took the other's place; what is expected in the room that this leaves. */
function together(mapped: readonly LoadedLibrary[], expected: readonly LoadedLibrary[], max: number): LoadedLibrary[] {
  const [libs, known] = [[...mapped], new Set(mapped.map(({ path }) => path))];
  let charsLeft = mapped.reduce((left, { path }) => left - path.length, textLimits.libraryPathsCharsMax);
  for (const library of expected) {
    if (libs.length >= max || charsLeft < library.path.length) break;
    if (known.has(library.path)) continue;
    libs.push(library);
    charsLeft -= library.path.length;
  }
  return libs.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** By number: of the program itself, of its linker (with musl also the C library), and of what it names. */
function isLinked({ elf }: FileFacts, mapped: number): boolean {
  const linker = elf?.interpreter?.split('/').at(-1) ?? '';
  if (!elf || linker === '') return true;
  const needed = new Set(elf.needed.filter((name) => name !== linker && !(linker.startsWith('ld-musl-') && name.startsWith('libc.'))));
  return mapped >= 2 + needed.size;
}

function isSeen(one: Program | undefined, other: Program): boolean {
  return one !== undefined && one.pid === other.pid && one.startTime === other.startTime && isSameFile(one.exe, other.exe);
}

function runningProgram(procfs: Procfs, { pid, link, exe }: Program, tree: RootTree): RunningFile {
  return {
    ...withoutMark(tree, link, exe.ino), device: exe.dev,
    open: () => {
      const file = procfs.openExe(pid);
      if (!file || isSameFile(file.stat, exe)) return file;
      file[Symbol.dispose]();
      return null;
    },
  };
}
