/** `zastava debug find`: where the symbols of a build-id, a file or a running process are, or where they can be had. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { debugFolder, debugManifestName, debugPath, isBuildId, type DebugManifest } from '../../contract/debug-store.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import { openFromStore } from '../../kit/debug/debug-folder.ts';
import { openElf } from '../../kit/debug/elf-file.ts';
import { inspectKit } from '../../kit/inspect-kit.ts';
import { openKit } from '../../kit/open-kit.ts';
import { readInputIfThere } from '../terminal/inputs.ts';
import { printJson, renderTable, say, type OutputOptions } from '../terminal/terminal.ts';
import { listMapped, type NamedElf } from './mapped-files.ts';
import { collect } from './trust-options.ts';

interface FindOptions extends OutputOptions {
  readonly dir?: readonly string[];
  readonly kit?: readonly string[];
}

interface Found {
  readonly name: string;
  readonly buildId: string;
  /** Of the symbols: where they are, or where they would be. */
  readonly path: string;
  readonly present: boolean;
  /** When they are not present: where they can be had, or why nowhere. */
  readonly from?: string;
}

export function define(command: Command): void {
  command
    .argument('<what>', 'a build-id, a file (with a "/" when its name could be something else), or the number of a process')
    .option('--dir <dir>', `a debug folder; again for each further one (default: ${debugFolder})`, collect)
    .option('--kit <file>', 'a kit that may have what is missing; again for each further one (it is looked at, not verified)', collect)
    .option('--json', 'print it as JSON')
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', '\nExamples:\n  zastava debug find 5f0c7c3cb4d9f8a4f1c1d5c6b7e8f90123456789\n  zastava debug find "$(pgrep -f payments-api | head -n1)" --kit zastava-runtime-1.0.0.tar.zst')
    .action(find);
}

async function find(what: string, options: FindOptions): Promise<void> {
  const folders = options.dir ?? [debugFolder];
  const elves = await readSubject(what);
  const elsewhere = await listElsewhere(folders, options.kit ?? []);
  const found: Found[] = [];
  for (const { name, buildId } of elves) if (buildId !== null) found.push(await look(name, buildId, folders, elsewhere));
  const unnamed = elves.flatMap(({ name, buildId }) => (buildId === null ? [name] : []));
  if (found.length === 0) throw new ZastavaError('debug.no-build-id', `${what}: ${elves.length === 1 ? 'it' : 'none of its files'} has a GNU build-id; rebuild with -Wl,--build-id`);
  const ok = found.every(({ present }) => present);
  say(options, ...renderTable(found.map(({ name, buildId, path, present, from }) => [buildId, present ? 'here' : 'MISSING', path, name, from ?? ''])), ...unnamed.map((name) => `no GNU build-id: ${name}`));
  printJson(options, { ok, found, withoutBuildId: unnamed });
  if (!ok) process.exitCode = 1;
}

/** @throws ZastavaError `environment` when it cannot be read */
async function readSubject(what: string): Promise<NamedElf[]> {
  // No process has eight digits (pid_max is 4,194,304 at most), and linkers make no build-id of less than eight.
  if (/^[1-9]\d{0,6}$/.test(what)) return listMapped(Number(what));
  if (what.length >= 8 && isBuildId(what.toLowerCase())) return [{ name: '', buildId: what.toLowerCase() }];
  try {
    await using elf = await openElf(what);
    return [{ name: what, buildId: elf?.buildId ?? null }];
  } catch (cause) {
    throw new ZastavaError('environment', `${what} is no build-id, and cannot be read as a file: ${(cause as Error).message}`, { cause });
  }
}

async function look(name: string, buildId: string, folders: readonly string[], elsewhere: ReadonlyMap<string, string>): Promise<Found> {
  await using elf = await openFromStore(folders, buildId);
  if (elf !== undefined) return { name, buildId, path: elf.path, present: true };
  const from = elsewhere.get(buildId) ?? `a registry that has the debug store: oras pull REGISTRY/debug-store:${buildId}`;
  return { name, buildId, path: join(folders[0] ?? debugFolder, debugPath(buildId)), present: false, from };
}

/** Build-id → where its symbols can be had, by the kits given; or why nowhere, by the manifest of a folder. */
async function listElsewhere(folders: readonly string[], kits: readonly string[]): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const folder of folders) {
    for (const { buildId, why } of (await readDebugManifest(join(folder, debugManifestName)))?.without ?? []) if (buildId !== null) places.set(buildId, `nowhere: ${why}`);
  }
  for (const kit of kits) {
    const { manifest } = await inspectKit((await openKit(kit)).stream(), null);
    for (const { path } of manifest.files) {
      const [, first, rest] = /^\.build-id\/(..)\/(.+)\.debug$/.exec(path.startsWith(kitPaths.debug) ? path.slice(kitPaths.debug.length) : '') ?? [];
      if (first !== undefined) places.set(`${first}${rest}`, `zastava debug import ${kit} --to ${folders[0] ?? debugFolder}`);
    }
  }
  return places;
}

/** A hint only: one that cannot be read is none. */
async function readDebugManifest(path: string): Promise<DebugManifest | undefined> {
  try {
    return JSON.parse((await readInputIfThere(path)) ?? 'null') as DebugManifest | undefined ?? undefined;
  } catch {
    return undefined;
  }
}
