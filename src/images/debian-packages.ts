/** The locked Debian packages as files: from the cache, a folder, or the mirror through apt. No file is used unless its sha256 is the lock's. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { withApt } from './apt.ts';
import { debFileName, type Architecture, type LockedPackage } from './base-lock.ts';
import { hashFile, type Cache } from './cache.ts';

/**
 * Paths of the .debs, in the order of `wanted`.
 * @param packagesFrom a folder of .debs with the names they have in the pool; without it, apt.
 * @throws ZastavaError `images.package-gone`, `images.digest-differs`, `environment`
 */
export async function fetchPackages(wanted: readonly LockedPackage[], architecture: Architecture, cache: Cache, packagesFrom?: string): Promise<string[]> {
  const cached = await Promise.all(wanted.map(async (locked) => await hashFile(placeOf(cache, locked), 'sha256', 'hex') === locked.sha256));
  const missing = wanted.filter((_, at) => !cached[at]);
  if (missing.length > 0) {
    await cache.work(async (folder) => {
      if (packagesFrom === undefined) await download(missing, architecture, folder);
      else await copyFrom(packagesFrom, missing, folder);
      await checkDigests(missing, architecture, folder);
      for (const locked of missing) await cache.keep(join(folder, debFileName(locked)), placeOf(cache, locked));
    });
  }
  return wanted.map((locked) => placeOf(cache, locked));
}

const placeOf = (cache: Cache, locked: LockedPackage): string => cache.packagePath(`${locked.sha256}.deb`);
const exact = (locked: LockedPackage): string => `${locked.name}=${locked.version}`;

async function download(missing: readonly LockedPackage[], architecture: Architecture, folder: string): Promise<void> {
  const names = missing.map((locked) => locked.name);
  await withApt(architecture, async (apt) => {
    const served = await apt.list(names);
    refuseGone(missing.filter((locked) => !served.has(exact(locked))), served, architecture);
    await apt.download(missing.map(exact), folder);
  });
}

/** @throws ZastavaError `images.package-gone` with every locked version that is not served any more. */
export function refuseGone(gone: readonly LockedPackage[], served: ReadonlySet<string>, architecture: Architecture): void {
  if (gone.length === 0) return;
  const problems = gone.map((locked): Problem => ({
    where: `${locked.name} (${architecture})`,
    expected: locked.version,
    found: [...served].filter((row) => row.startsWith(`${locked.name}=`)).map((row) => row.slice(locked.name.length + 1)).join(', ') || 'no version',
  }));
  throw new ZastavaError('images.package-gone', 'The Debian mirror no longer serves the locked version of '
    + `${problems.map((problem) => `${problem.where}: ${problem.expected}, now ${problem.found}`).join('; ')}. Renew the lock with: npm run relock`, { problems });
}

async function copyFrom(source: string, missing: readonly LockedPackage[], folder: string): Promise<void> {
  const problems: Problem[] = [];
  for (const locked of missing) {
    const name = debFileName(locked);
    await copyFile(join(source, name), join(folder, name)).catch(() => {
      problems.push({ where: name, expected: `a file in ${source}`, found: 'none' });
    });
  }
  if (problems.length > 0) {
    throw new ZastavaError('environment', `The folder ${source} lacks ${problems.map((problem) => problem.where).join(', ')}.`, { problems });
  }
}

async function checkDigests(missing: readonly LockedPackage[], architecture: Architecture, folder: string): Promise<void> {
  const problems: Problem[] = [];
  for (const locked of missing) {
    const found = await hashFile(join(folder, debFileName(locked)), 'sha256', 'hex') ?? 'no file';
    if (found !== locked.sha256) problems.push({ where: `${locked.name} ${locked.version} (${architecture})`, expected: `sha256 ${locked.sha256}`, found });
  }
  if (problems.length > 0) {
    throw new ZastavaError('images.digest-differs', 'A Debian package is not the one that base.lock.json names: '
      + `${problems.map((problem) => `${problem.where}: expected ${problem.expected}, found ${problem.found}`).join('; ')}. `
      + 'Do not use it; find out who changed it before any relock.', { problems });
  }
}
