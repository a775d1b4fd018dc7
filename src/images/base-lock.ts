/** `base.lock.json`: each Debian package of the base layer by version and sha256, per architecture. Written by relock only. */
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { platforms, type Platform } from '../contract/oci.ts';

export type Architecture = Platform['architecture'];
export const architectures: readonly Architecture[] = platforms.map((platform) => platform.architecture);

/** Debian 13, and what the Node 24 binary needs of it: the C and C++ libraries, certificates, time zones, and who it is. */
export const baseSuite = 'trixie';
export const basePackages: readonly string[] = ['base-files', 'ca-certificates', 'gcc-14-base', 'libc6', 'libgcc-s1', 'libstdc++6', 'tzdata'];

/** Symbols of files in the base layer, which Debian has as packages of their own; for the kit's debug store, in no image. */
export const debugPackages: readonly string[] = ['libc6-dbg'];

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** `all` for packages that are the same everywhere. */
  readonly architecture: Architecture | 'all';
  /** Bytes of the .deb. */
  readonly size: number;
  /** Of the .deb: 64 lowercase hex digits. */
  readonly sha256: string;
}

export interface BaseLock {
  readonly suite: string;
  readonly packages: Readonly<Record<Architecture, readonly LockedPackage[]>>;
  readonly debugPackages: Readonly<Record<Architecture, readonly LockedPackage[]>>;
}

/** File name in a Debian pool: an epoch's colon is written %3a. */
export function debFileName(locked: LockedPackage): string {
  return `${locked.name}_${locked.version.replaceAll(':', '%3a')}_${locked.architecture}.deb`;
}

export function renderBaseLock(lock: BaseLock): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}

/** @throws ZastavaError `images.base-lock-invalid` with every problem. */
export function parseBaseLock(text: string, source: string): BaseLock {
  const problems: Problem[] = [];
  const lock = parseJson(text, source) as Partial<BaseLock> | null;
  if (lock?.suite !== baseSuite) problems.push({ where: 'suite', expected: baseSuite, found: String(lock?.suite) });
  for (const architecture of architectures) {
    problems.push(...listProblems(lock?.packages?.[architecture], `packages.${architecture}`, architecture, basePackages));
    problems.push(...listProblems(lock?.debugPackages?.[architecture], `debugPackages.${architecture}`, architecture, debugPackages));
  }
  if (problems.length > 0) {
    throw new ZastavaError('images.base-lock-invalid', `${source} is not a lock of this base layer. Delete it and make it anew with: npm run relock`, { problems });
  }
  return lock as BaseLock;
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ZastavaError('images.base-lock-invalid', `${source} is not JSON. Delete it and make it anew with: npm run relock`, { cause });
  }
}

function listProblems(listed: unknown, where: string, architecture: Architecture, expected: readonly string[]): Problem[] {
  if (!Array.isArray(listed)) return [{ where, expected: 'a list of packages', found: typeof listed }];
  const problems = listed.flatMap((entry, at) => packageProblems(entry, `${where}[${at}]`, architecture));
  const names = listed.map((entry) => String(entry?.name)).join(' ');
  return names === expected.join(' ') ? problems : [...problems, { where, expected: expected.join(' '), found: names }];
}

function packageProblems(entry: Partial<LockedPackage> | null, where: string, architecture: Architecture): Problem[] {
  const checks: [keyof LockedPackage, string, boolean][] = [
    ['version', 'a Debian version', /^[A-Za-z0-9.+:~-]+$/.test(String(entry?.version))],
    ['architecture', `${architecture} or all`, entry?.architecture === architecture || entry?.architecture === 'all'],
    ['size', 'a number of bytes', Number.isSafeInteger(entry?.size)],
    ['sha256', '64 lowercase hex digits', /^[0-9a-f]{64}$/.test(String(entry?.sha256))],
  ];
  return checks.filter(([, , holds]) => !holds)
    .map(([key, expected]) => ({ where: `${where}.${key}`, expected, found: String(entry?.[key]) }));
}
