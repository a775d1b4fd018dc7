/** Renews the lock of the base layer: asks the mirror what the suite has now, and says what that changes. Downloads no package. */
import { ZastavaError } from '../contract/errors.ts';
import { withApt } from './apt.ts';
import { architectures, basePackages, baseSuite, debugPackages, type Architecture, type BaseLock, type LockedPackage } from './base-lock.ts';

/** A package that is new, gone (`to` absent), or has another version or file. */
export interface BaseChange {
  readonly name: string;
  readonly architecture: Architecture;
  readonly from?: string;
  readonly to?: string;
}

/** @param current the lock as it is, if there is one. @throws ZastavaError `environment` */
export async function relockBase(current?: BaseLock): Promise<{ lock: BaseLock; changes: readonly BaseChange[] }> {
  const [amd64, arm64] = await Promise.all([askMirror('amd64'), askMirror('arm64')]);
  const lock: BaseLock = {
    suite: baseSuite,
    packages: { amd64: only(amd64, basePackages), arm64: only(arm64, basePackages) },
    debugPackages: { amd64: only(amd64, debugPackages), arm64: only(arm64, debugPackages) },
  };
  return { lock, changes: listChanges(current, lock) };
}

function only(packages: readonly LockedPackage[], names: readonly string[]): LockedPackage[] {
  return packages.filter(({ name }) => names.includes(name));
}

async function askMirror(architecture: Architecture): Promise<LockedPackage[]> {
  const candidates = await withApt(architecture, (apt) => apt.candidates([...basePackages, ...debugPackages]));
  return [...basePackages, ...debugPackages].map((name) => {
    const found = candidates.find((candidate) => candidate.fileName.startsWith(`${name}_`));
    const parts = /^[^_]+_([^_]+)_(all|amd64|arm64)\.deb$/.exec(found?.fileName ?? '');
    if (!found || !parts) throw new ZastavaError('environment', `The mirror's ${baseSuite} does not have the package ${name} for ${architecture} with a sha256.`);
    return { name, version: parts[1]!.replaceAll(/%3a/gi, ':'), architecture: parts[2] as Architecture | 'all', size: found.size, sha256: found.sha256 };
  });
}

/** Pure; sorted by architecture, then name. */
export function listChanges(from: BaseLock | undefined, to: BaseLock): BaseChange[] {
  return architectures.flatMap((architecture) => {
    const byName = (lock: BaseLock | undefined) => new Map((lock === undefined ? [] : [...lock.packages[architecture], ...lock.debugPackages[architecture]]).map((locked) => [locked.name, locked]));
    const [before, after] = [byName(from), byName(to)];
    return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((name) => {
      const [old, now] = [before.get(name), after.get(name)];
      if (old?.sha256 === now?.sha256) return [];
      return [{ name, architecture, ...(old && { from: describe(old) }), ...(now && { to: describe(now) }) }];
    });
  });
}

const describe = (locked: LockedPackage): string => `${locked.version} (sha256 ${locked.sha256.slice(0, 12)}…)`;
