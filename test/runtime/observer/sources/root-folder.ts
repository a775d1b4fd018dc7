/** Throw-away folders with the files of a root file system. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildIdNote, elf, forms, idOfLength, linkedParts, noteSegment, type Form, type Linked } from '../../../bytes/small-elf.ts';

/** What of is a file of an image: bytes or text, or a link. */
export type Content = Buffer | string | { readonly to: string };

export class RootFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'zastava-root-'));

  constructor(files: Readonly<Record<string, Content>> = {}) {
    for (const [name, content] of Object.entries(files)) this.put(name, content);
  }

  put(name: string, content: Content): string {
    const at = join(this.path, name);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof content === 'object' && 'to' in content) symlinkSync(content.to, at);
    else {
      writeFileSync(at, content);
      chmodSync(at, 0o755);
    }
    return at;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

const form64: Form = forms.find(({ bits, littleEndian }) => bits === 64 && littleEndian)!;
export const form32: Form = forms.find(({ bits, littleEndian }) => bits === 32 && littleEndian)!;

export const buildId = (length: number): string => idOfLength(length).toString('hex');

/** A program or library for the 64-bit machine; the length of its build-id tells it from others. */
export function linked(idLength: number, needed: readonly string[] = [], more: Partial<Linked> = {}, form = form64): Buffer {
  return elf(form, [...linkedParts(form, { needed, ...more }), { content: buildIdNote(form, idOfLength(idLength)), align: 4, segment: noteSegment }]);
}

/** What one of the system's own tools prints. */
export function toolOutput(name: string, ...args: readonly string[]): string {
  return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
