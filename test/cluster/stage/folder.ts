/**
 * The folder that all of a stage lies in, and what a stage leaves outside it: its control groups. A stage that was killed
 * took its processes, mounts and network with it; folder and groups it could not, so the next one does.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const prefix = 'zastava-stage-';
const controllers = '/sys/fs/cgroup';
/** Who made a folder: a process id and its start time, since ids are used again. */
const ownerFile = 'owner';

export class StageFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Removes what killed stages left, then makes a folder of this process. */
  static make(): StageFolder {
    const names = [tmpdir(), ...hierarchies()].flatMap((path) => readdirSync(path)).filter((name) => name.startsWith(prefix));
    for (const name of new Set(names)) {
      const left = new StageFolder(join(tmpdir(), name));
      if (!left.#isOwned()) left.remove();
    }
    const folder = new StageFolder(mkdtempSync(join(tmpdir(), prefix)));
    writeFileSync(join(folder.path, ownerFile), `${process.pid} ${startTime(process.pid)}`);
    return folder;
  }

  /** A path below it. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** The same, as a folder that is there. */
  dir(...names: string[]): string {
    const path = this.at(...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  write(name: string, content: string | object, mode = 0o644): string {
    const path = this.at(name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode });
    return path;
  }

  /** Name of the control group that its Pods are in, made anew in each hierarchy, as after a boot. */
  makeControlGroup(): string {
    for (const hierarchy of hierarchies()) {
      const group = join(hierarchy, basename(this.path));
      removeGroup(group);
      mkdirSync(group, { recursive: true });
      // A new group of version 1 has no CPUs and no memory until it is told which.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) if (existsSync(join(group, file))) writeFileSync(join(group, file), readFileSync(join(hierarchy, file)));
    }
    return `/${basename(this.path)}`;
  }

  /** When nothing in it runs any more. */
  remove(): void {
    for (const hierarchy of hierarchies()) removeGroup(join(hierarchy, basename(this.path)));
    rmSync(this.path, { recursive: true, force: true });
  }

  #isOwned(): boolean {
    try {
      const [pid = '', since] = readFileSync(this.at(ownerFile), 'utf8').split(' ');
      return startTime(Number(pid)) === since;
    } catch {
      return false;
    }
  }
}

/** In clock ticks since boot. @throws when there is no such process */
function startTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** Of version 1 there are many, of version 2 one. */
function hierarchies(): string[] {
  if (existsSync(join(controllers, 'cgroup.controllers'))) return [controllers];
  return readdirSync(controllers).map((name) => join(controllers, name)).filter((path) => existsSync(join(path, 'cgroup.procs')));
}

function removeGroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(path, entry.name));
  // Whoever was killed a moment ago may still be in it.
  for (let tries = 50; ; tries--) {
    try {
      return rmdirSync(path);
    } catch (error) {
      if (tries === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}
