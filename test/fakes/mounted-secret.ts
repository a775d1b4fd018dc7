/** A Secret as the kubelet mounts it: files are links into a folder that is swapped as a whole. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class MountedSecret {
  readonly folder = mkdtempSync(join(tmpdir(), 'zastava-secret-'));
  #version = 0;

  constructor(files: Readonly<Record<string, string>>) {
    this.swap(files);
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(this.folder, name));
  }

  swap(files: Readonly<Record<string, string>>): void {
    const version = `..version-${++this.#version}`;
    mkdirSync(join(this.folder, version));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, version, name), text);
    symlinkSync(version, join(this.folder, '..data_tmp'));
    renameSync(join(this.folder, '..data_tmp'), join(this.folder, '..data'));
    rmSync(join(this.folder, `..version-${this.#version - 1}`), { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
