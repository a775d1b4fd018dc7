/**
 * What a process of a container really is, read here without any code of the observer: the kernel's own numbers, and the
 * files as the image was built from them, by `readelf -n` and `sha256`.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedLibrary, ProcessFacts } from '../../../src/contract/runtime-event.ts';
import { readelfIds } from './workloads.ts';

interface ProcessTruth {
  readonly startTime: number;
  readonly exe: string;
  /** Files with code but the program itself, sorted. */
  readonly libs: LoadedLibrary[];
  /** Files with code. */
  readonly mapped: number;
}

/** @param files Folder with the files of the image. */
export async function readProcessTruth(pid: number, files: string): Promise<ProcessTruth> {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const exe = readlinkSync(`/proc/${pid}/exe`);
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').map((line) => line.split(/ +/)).filter(([, rights, , , inode]) => rights?.[2] === 'x' && inode !== '0');
  const mapped = new Map(lines.map(([, , , , inode, ...path]) => [path.join(' '), Number(inode)]));
  const libs: LoadedLibrary[] = [];
  for (const [path, inode] of [...mapped].filter(([path]) => path !== exe).sort(([a], [b]) => (a < b ? -1 : 1))) libs.push({ path, inode, ...(await describeFile(join(files, path))) });
  return { startTime: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]), exe, libs, mapped: mapped.size };
}

async function describeFile(path: string): Promise<Pick<LoadedLibrary, 'sha256' | 'buildId'>> {
  if (!existsSync(path)) throw new Error(`${path} is no file of the image`);
  const { buildId } = await readelfIds(path);
  return { sha256: sha256Of(path), ...(buildId !== undefined && { buildId }) };
}

export function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** What an event must say of a program. */
export async function idsOfProgram(path: string): Promise<Pick<ProcessFacts, 'buildId' | 'goBuildId' | 'idKind'>> {
  const ids = await readelfIds(path);
  return { ...ids, idKind: ids.buildId !== undefined ? 'gnu' : ids.goBuildId !== undefined ? 'go' : 'stripped' };
}
