/**
 * Opens files that an attacker may have made: never through a link, never waiting for a FIFO, regular ones only, and only
 * the file that was looked at before (device and inode).
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, type BigIntStats } from 'node:fs';
import type { RandomAccess } from '../../../bytes/elf.ts';

export type FileStat = BigIntStats;

export class OpenFile implements RandomAccess, Disposable {
  readonly descriptor: number;
  readonly stat: FileStat;
  readonly size: number;

  constructor(descriptor: number, stat: FileStat) {
    this.descriptor = descriptor;
    this.stat = stat;
    this.size = Number(stat.size);
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.alloc(length);
    let got = 0;
    while (got < length) {
      const more = readSync(this.descriptor, bytes, got, length - got, offset + got);
      if (more === 0) break;
      got += more;
    }
    return bytes.subarray(0, got);
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

/** Null when the path now leads to another file than the expected one. @throws what open(2) says, also ELOOP for a link. */
export function openSame(path: string, expected: FileStat): OpenFile | null {
  return openChecked(path, expected, constants.O_NOFOLLOW);
}

/**
 * Opens one of the kernel's own links (`exe`, those in `map_files`): they lead to the very file, whatever its name says by
 * now, and O_NOFOLLOW would refuse them. It is looked at first, since to open a device can already do something.
 */
export function openKernelLink(path: string): OpenFile | null {
  const expected = statSync(path, { bigint: true });
  return expected.isFile() ? openChecked(path, expected, 0) : null;
}

function openChecked(path: string, expected: FileStat, flags: number): OpenFile | null {
  if (!expected.isFile()) return null;
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  const stat = fstatSync(descriptor, { bigint: true });
  if (stat.isFile() && isSameFile(stat, expected)) return new OpenFile(descriptor, stat);
  closeSync(descriptor);
  return null;
}

export function isSameFile(one: FileStat, other: FileStat): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** Why a thing in `/proc` or in a snapshot cannot be read: it is gone, or we may not. @throws what is no answer of the kernel. */
export function whyUnread(error: unknown): 'exited' | 'unreadable' {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ESRCH') return 'exited';
  if (/^E[A-Z0-9]+$/.test(code)) return 'unreadable';
  throw error;
}
