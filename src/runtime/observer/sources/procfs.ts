/** Reads of one proc file system, each bounded; they throw what the kernel says. */
import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import { parseMaps, type MappedFile } from './maps.ts';
import { openKernelLink, type FileStat, type OpenFile } from './open-file.ts';
import { parseArguments, parseStat, textLimits, type ProcessStat } from './proc-text.ts';

/** The program of a process at one moment. */
export interface Program extends ProcessStat {
  /** As the kernel writes it: ` (deleted)` may follow. */
  readonly link: string;
  readonly exe: FileStat;
  readonly args: readonly string[];
}

const statBytesMax = 4096;
/** Enough for 40,000 mappings of the usual length: the kernel allows 65,530. */
const mapsBytesMax = 4 * 1024 * 1024;
const childrenBytesMax = 4096;
/** A path of a cgroup may have 4096 bytes, and there are a dozen hierarchies at most. */
const cgroupBytesMax = 64 * 1024;
/** The kernel gives at most a page at a time of most of these texts. */
const partBytes = 4096;
const ended = new Set(['Z', 'X', 'x']);

export class Procfs {
  readonly #root: string;

  /** @param root Where the host's proc is, such as `/host/proc`. */
  constructor(root: string) {
    this.#root = root;
  }

  bootId(): string {
    return this.#read('sys/kernel/random/boot_id', 64).toString('latin1').trim();
  }

  /** Null when it has ended, or is no process with a program: a zombie, a kernel thread, a text that is none of proc's. */
  program(pid: number): Program | null {
    const stat = parseStat(this.#read(`${pid}/stat`, statBytesMax).toString('utf8'));
    if (!stat || ended.has(stat.state)) return null;
    const link = readlinkSync(this.#path(`${pid}/exe`));
    const exe = statSync(this.#path(`${pid}/exe`), { bigint: true });
    return { ...stat, pid, link, exe, args: parseArguments(this.#read(`${pid}/cmdline`, textLimits.commandLineBytesMax)) };
  }

  pids(): number[] {
    return readdirSync(this.#root).map(Number).filter((pid) => pid > 0);
  }

  /** Clock ticks since boot; null when it has ended. */
  startTime(pid: number): number | null {
    const stat = parseStat(this.#read(`${pid}/stat`, statBytesMax).toString('utf8'));
    return !stat || ended.has(stat.state) ? null : stat.startTime;
  }

  /** One line a hierarchy, cgroups(7). */
  cgroups(pid: number): string {
    return this.#read(`${pid}/cgroup`, cgroupBytesMax).toString('utf8');
  }

  /** As the kernel writes it. */
  link(pid: number): string {
    return readlinkSync(this.#path(`${pid}/exe`));
  }

  openExe(pid: number): OpenFile | null {
    return openKernelLink(this.#path(`${pid}/exe`));
  }

  rootOf(pid: number): string {
    return this.#path(`${pid}/root`);
  }

  folderOf(pid: number): string {
    return readlinkSync(this.#path(`${pid}/cwd`));
  }

  maps(pid: number): MappedFile[] {
    const text = this.#read(`${pid}/maps`, mapsBytesMax).toString('utf8');
    // A line that the limit cut would name another file.
    return parseMaps(text.slice(0, text.lastIndexOf('\n') + 1));
  }

  /** Needs CAP_CHECKPOINT_RESTORE, and then leads to the very file even when it is deleted. */
  openMapped(pid: number, { range }: MappedFile): OpenFile | null {
    return openKernelLink(this.#path(`${pid}/map_files/${range}`));
  }

  /** Of the first thread, which is the one that starts programs in an init or a shell. */
  children(pid: number): number[] {
    const text = this.#read(`${pid}/task/${pid}/children`, childrenBytesMax).toString('latin1');
    return text.split(' ').filter((word) => /^\d{1,10}$/.test(word)).map(Number);
  }

  #path(name: string): string {
    return `${this.#root}/${name}`;
  }

  #read(name: string, bytesMax: number): Buffer {
    const descriptor = openSync(this.#path(name), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const parts: Buffer[] = [];
      for (let left = bytesMax; left > 0; ) {
        const part = Buffer.allocUnsafe(Math.min(left, partBytes));
        const got = readSync(descriptor, part, 0, part.length, null);
        if (got === 0) break;
        parts.push(part.subarray(0, got));
        left -= got;
      }
      return Buffer.concat(parts);
    } finally {
      closeSync(descriptor);
    }
  }
}
