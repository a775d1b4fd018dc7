/** Opens an ELF file whose bytes anybody may have made: only a regular file, never waiting for a FIFO, read in bounds. */
import { constants, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { parseElf } from '../../bytes/elf.ts';
import { readElfIds } from '../../bytes/elf-notes.ts';

export interface OpenedElf extends AsyncDisposable {
  readonly handle: FileHandle;
  /** Bytes. */
  readonly size: number;
  /** Lowercase hex; null when the file is no ELF file, or has none. */
  readonly buildId: string | null;
}

/** Null for what is no regular file. @throws what open(2) says */
export async function openElf(path: string): Promise<OpenedElf | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = await handle.stat();
  if (!found.isFile()) {
    await handle.close();
    return null;
  }
  return { handle, size: found.size, buildId: readBuildId(handle.fd, found.size), [Symbol.asyncDispose]: () => handle.close() };
}

function readBuildId(descriptor: number, size: number): string | null {
  const elf = parseElf({
    size,
    read(offset, length) {
      const bytes = Buffer.alloc(length);
      let got = 0;
      for (let more = -1; got < length && more !== 0; got += more) more = readSync(descriptor, bytes, got, length - got, offset + got);
      return bytes.subarray(0, got);
    },
  });
  return elf === null ? null : (readElfIds(elf).buildId ?? null);
}
