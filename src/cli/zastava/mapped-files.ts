/** The ELF files that a process runs: its executable, and what it has mapped to run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZastavaError } from '../../contract/errors.ts';
import { openElf } from '../../kit/debug/elf-file.ts';

export interface NamedElf {
  /** As the process has it; empty for a bare build-id. */
  readonly name: string;
  /** Null for files that have none or cannot be read. */
  readonly buildId: string | null;
}

/** proc_pid_maps(5): `<from>-<to> <permissions> <offset> <device> <inode> <path>` */
const line = /^([0-9a-f]+-[0-9a-f]+) ..x. \S+ \S+ [1-9]\d*\s+(\/.*)$/;

/** The executable first; each file once. @throws ZastavaError `environment` when the process is not there, or may not be looked at */
export async function listMapped(pid: number, proc = '/proc'): Promise<NamedElf[]> {
  const folder = join(proc, String(pid));
  const maps = await readFile(join(folder, 'maps'), 'utf8').catch((cause: unknown) => {
    throw new ZastavaError('environment', `process ${pid} cannot be looked at: ${(cause as Error).message}; another user's needs root`, { cause });
  });
  const files = new Map<string, NamedElf>();
  for (const text of maps.split('\n')) {
    const [, range, name = ''] = line.exec(text) ?? [];
    if (range !== undefined && !files.has(name)) files.set(name, { name, buildId: await readMapped(folder, range, name) });
  }
  const executable = await readId(join(folder, 'exe'));
  const others = [...files.values()].filter(({ buildId }) => buildId === null || buildId !== executable);
  return [{ name: [...files.values()].find(({ buildId }) => buildId !== null && buildId === executable)?.name ?? join(folder, 'exe'), buildId: executable }, ...others];
}

/** The kernel's own link leads to the very file, but only for root; a path leads to whatever has the name now, unless it says that it is gone. */
async function readMapped(folder: string, range: string, name: string): Promise<string | null> {
  return (await readId(join(folder, 'map_files', range))) ?? (name.endsWith(' (deleted)') ? null : await readId(join(folder, 'root', name)));
}

async function readId(path: string): Promise<string | null> {
  try {
    await using elf = await openElf(path);
    return elf?.buildId ?? null;
  } catch {
    return null;
  }
}
