/** A folder with symbols below `.build-id`: what is in it under its true name. A name is a claim; the file's own build-id decides. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { debugPath, executablePath, isBuildId } from '../../contract/debug-store.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { openElf, type OpenedElf } from './elf-file.ts';

export interface DebugFile {
  readonly buildId: string;
  readonly file: string;
}

export type Artifact = 'debuginfo' | 'executable';

/** The first file of the folders that has this build-id and says so itself; undefined when there is none. */
export async function openFromStore(folders: readonly string[], buildId: string, artifact: Artifact = 'debuginfo'): Promise<(OpenedElf & { readonly path: string }) | undefined> {
  for (const folder of folders) {
    const path = join(folder, artifact === 'debuginfo' ? debugPath(buildId) : executablePath(buildId));
    const elf = await openElf(path).catch(() => null);
    if (elf?.buildId === buildId) return { ...elf, path };
    await elf?.handle.close();
  }
  return undefined;
}

/**
 * All symbol files of a folder, sorted by build-id.
 * @throws ZastavaError `debug.file-invalid` with every file whose name is not its build-id; `environment` when there are none
 */
export async function listDebugFiles(folder: string): Promise<DebugFile[]> {
  const names = await readdir(join(folder, '.build-id'), { recursive: true }).catch((cause: unknown) => {
    throw new ZastavaError('environment', `${folder} has no folder .build-id to read: ${(cause as Error).message}`, { cause });
  });
  const files: DebugFile[] = [];
  const problems: Problem[] = [];
  for (const name of names.filter((name) => name.endsWith('.debug')).toSorted()) {
    const [file, claimed] = [join(folder, '.build-id', name), name.slice(0, -'.debug'.length).replace('/', '')];
    const found = await ownBuildId(file);
    if (found === claimed && isBuildId(claimed) && debugPath(claimed) === `.build-id/${name}`) files.push({ buildId: claimed, file });
    else problems.push({ where: file, expected: 'an ELF file whose build-id is its name', found: found ?? 'none' });
  }
  if (problems.length > 0) throw new ZastavaError('debug.file-invalid', `${folder} has files of symbols under names that are not their build-ids.`, { problems });
  if (files.length === 0) throw new ZastavaError('environment', `${folder} has no file .build-id/<aa>/<rest>.debug`);
  return files;
}

async function ownBuildId(file: string): Promise<string | null> {
  await using elf = await openElf(file);
  return elf?.buildId ?? null;
}
