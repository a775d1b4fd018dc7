/** A proc file system made of plain files: what of it the observer reads, and states that no kernel would show twice. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface FakeProcess {
  readonly name?: string;
  readonly state?: string;
  readonly startTime?: number;
  /** A file of this machine. */
  readonly exe: string;
  readonly args?: readonly string[];
  readonly root?: string;
  readonly cwd?: string;
  readonly maps?: string;
  readonly children?: readonly number[];
}

export class FakeProc implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'zastava-proc-'));

  constructor(bootId = '5a7c0e8e-0000-4000-8000-000000000001') {
    this.put('sys/kernel/random/boot_id', `${bootId}\n`);
  }

  /** Makes the process, or makes it another. */
  set(pid: number, { name = 'app', state = 'S', startTime = 4711, exe, args = [exe], root = '/', cwd = '/', maps = '', children = [] }: FakeProcess): void {
    this.put(`${pid}/stat`, `${pid} (${name}) ${state} 1 ${'0 '.repeat(17)}${startTime} 0 0\n`);
    this.put(`${pid}/cmdline`, args.map((arg) => `${arg}\0`).join(''));
    this.put(`${pid}/maps`, maps);
    this.put(`${pid}/task/${pid}/children`, children.map((child) => `${child} `).join(''));
    for (const [link, to] of Object.entries({ exe, root, cwd })) this.link(`${pid}/${link}`, to);
  }

  put(name: string, text: string): void {
    const at = join(this.path, name);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(`${at}.new`, text);
    renameSync(`${at}.new`, at);
  }

  link(name: string, to: string): void {
    const at = join(this.path, name);
    mkdirSync(dirname(at), { recursive: true });
    rmSync(`${at}.new`, { force: true });
    symlinkSync(to, `${at}.new`);
    renameSync(`${at}.new`, at);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
