/**
 * Which processes of containers are new, or run other code than before: those alone are worth a close look. A process is
 * a container's when a part of its cgroup's path names it, as all drivers of runc do.
 */
import { Procfs } from './procfs.ts';

export interface ContainerProcess {
  readonly containerId: string;
  readonly pid: number;
}

interface Seen {
  readonly startTime: number;
  readonly containerId: string | undefined;
  /** What it executes and has mapped. */
  readonly code: string;
}

export class ContainerProcesses {
  readonly #procfs: Procfs;
  #seen = new Map<number, Seen>();

  constructor(procRoot: string) {
    this.#procfs = new Procfs(procRoot);
  }

  /** Since the last call. */
  changed(containerIds: readonly string[]): ContainerProcess[] {
    const wanted = new Set(containerIds);
    const now = new Map<number, Seen>();
    const changed: ContainerProcess[] = [];
    for (const pid of this.#procfs.pids()) {
      const before = this.#seen.get(pid);
      const seen = this.#look(pid, before, wanted);
      if (!seen) continue;
      now.set(pid, seen);
      const { containerId, startTime, code } = seen;
      if (containerId !== undefined && (before?.startTime !== startTime || before.containerId !== containerId || before.code !== code)) changed.push({ containerId, pid });
    }
    this.#seen = now;
    return changed;
  }

  /** Undefined for what ended meanwhile. */
  #look(pid: number, before: Seen | undefined, wanted: ReadonlySet<string>): Seen | undefined {
    try {
      const startTime = this.#procfs.startTime(pid);
      if (startTime === null) return undefined;
      const known = before?.startTime === startTime && before.containerId !== undefined && wanted.has(before.containerId);
      const containerId = known ? before.containerId : containerOf(this.#procfs.cgroups(pid), wanted);
      return { startTime, containerId, code: containerId === undefined ? '' : this.#codeOf(pid) };
    } catch {
      return undefined;
    }
  }

  #codeOf(pid: number): string {
    return [this.#procfs.link(pid), ...this.#procfs.maps(pid).map(({ device, inode, path }) => `${device} ${inode} ${path}`)].join('\n');
  }
}

/** The innermost one: a container can run containers. The part is the id, or `<driver>-<id>.scope`. */
export function containerOf(cgroups: string, wanted: ReadonlySet<string>): string | undefined {
  for (const line of cgroups.split('\n')) {
    for (const part of line.split('/').toReversed()) {
      const id = [part, part.replace(/\.scope$/, '').replace(/^.*-/s, '')].find((each) => wanted.has(each));
      if (id !== undefined) return id;
    }
  }
  return undefined;
}
