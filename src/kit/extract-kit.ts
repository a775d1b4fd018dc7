/**
 * Takes files out of a kit: the whole kit is verified first; a second pass writes what was asked for to a folder of its
 * own, and only when the bytes read were the same again do the files move to their places. Nothing is written outside
 * `to`, and nothing through a symbolic link.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TarEntry } from '../bytes/tar-entries.ts';
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { kitHead } from '../contract/kit-format.ts';
import { readKitEntries, readKitHead } from './kit-entries.ts';
import type { OpenedKit } from './open-kit.ts';
import { parseKitManifest } from './verify/kit-manifest.ts';
import type { VerifyReport } from './verify/report.ts';
import { verifyKit, type VerifyOptions } from './verify/verify-kit.ts';

export interface ExtractedKit {
  readonly report: VerifyReport;
  /** Where the files are below `to`, in the kit's order: their paths in it, unless they were placed otherwise. */
  readonly written: readonly string[];
}

export interface ExtractOptions extends Omit<VerifyOptions, 'signatures'> {
  /** Path in the kit → path below `to`; no two files may come to one place. Default: the same. */
  readonly placeOf?: (path: string) => string;
}

/**
 * `paths` are files or folders of the kit; none means all. `to` is made if it is not there.
 * A kit that does not hold is thrown with the report's code; an unknown path is `kit.path-unknown`.
 */
export async function extractKit(kit: OpenedKit, paths: readonly string[], to: string, { placeOf = (path) => path, ...options }: ExtractOptions): Promise<ExtractedKit> {
  if (kit.bytes === null) throw new ZastavaError('usage', 'A kit is read twice to extract from it, which a stream cannot be: give a file.');
  const report = await verifyKit(kit.stream(), { ...options, signatures: kit.signatures, fileBytes: kit.bytes });
  if (!report.ok) {
    throw new ZastavaError(report.code ?? 'internal', 'The kit does not hold, and nothing was extracted.', { problems: report.checks.flatMap(({ problems }) => problems) });
  }
  const wanted = selectPaths(await listPaths(kit), paths);
  await mkdir(to, { recursive: true });
  const folder = await realpath(to);
  await refuseObstacles(folder, wanted.map(placeOf));
  const staging = await mkdtemp(join(folder, '.kit-extract-'));
  try {
    const staged = await stage(kit, new Set(wanted), staging, report);
    for (const [path, file] of staged) {
      const place = join(folder, placeOf(path));
      await mkdir(dirname(place), { recursive: true });
      await rename(file, place);
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return { report, written: wanted.map(placeOf) };
}

async function listPaths(kit: OpenedKit): Promise<string[]> {
  const entries = readKitEntries(kit.stream());
  try {
    const { manifest } = await readKitHead(entries);
    return [...kitHead.slice(0, 2), ...parseKitManifest(manifest).files.map(({ path }) => path)];
  } finally {
    await entries.return();
  }
}

function selectPaths(all: readonly string[], paths: readonly string[]): string[] {
  const asked = paths.map((path) => path.replace(/\/+$/, ''));
  const unknown = asked.filter((prefix) => !all.some((path) => isUnder(path, prefix)));
  if (unknown.length > 0) {
    const problems = unknown.map((where): Problem => ({ where, expected: 'a file or folder of the kit', found: 'none', todo: 'kit inspect lists them' }));
    throw new ZastavaError('kit.path-unknown', `The kit has no ${unknown.join(', ')}; nothing was extracted.`, { problems });
  }
  return asked.length === 0 ? [...all] : all.filter((path) => asked.some((prefix) => isUnder(path, prefix)));
}

function isUnder(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** Whatever stands where a file or folder must go: only real folders, and regular files in the place of files. */
async function refuseObstacles(folder: string, paths: readonly string[]): Promise<void> {
  const folders = new Set(paths.flatMap((path) => path.split('/').slice(0, -1).map((_, index, parts) => parts.slice(0, index + 1).join('/'))));
  const problems: Problem[] = [];
  for (const [path, isFolder] of [...[...folders].map((path) => [path, true] as const), ...paths.map((path) => [path, false] as const)]) {
    const found = await lstat(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (found === undefined || (isFolder ? found.isDirectory() : found.isFile())) continue;
    problems.push({ where: path, expected: isFolder ? 'a folder' : 'a file or nothing', found: found.isSymbolicLink() ? 'a symbolic link' : 'something else' });
  }
  if (problems.length > 0) throw new ZastavaError('environment', 'Something stands in the way; nothing was extracted.', { problems });
}

/** Path → file in `staging`, for every path wanted, once the whole file was seen to be the one that was verified. */
async function stage(kit: OpenedKit, wanted: ReadonlySet<string>, staging: string, report: VerifyReport): Promise<Map<string, string>> {
  const hash = createHash('sha256');
  const staged = new Map<string, string>();
  for await (const entry of readKitEntries(kit.stream(), (chunk) => hash.update(chunk))) {
    if (!wanted.has(entry.path)) continue;
    const file = join(staging, String(staged.size));
    await writeEntry(entry, file);
    staged.set(entry.path, file);
  }
  if (hash.digest('hex') === report.sha256 && staged.size === wanted.size) return staged;
  throw new ZastavaError('environment', 'The kit changed after it was verified; nothing was extracted. Copy it to a place of your own and try again.');
}

async function writeEntry(entry: TarEntry, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const piece of entry.content) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}
