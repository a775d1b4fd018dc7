/**
 * apt for one foreign suite and architecture: its own lists, cache, status and sources in a folder that is gone afterwards,
 * the machine's proxy settings and keys. It never touches the packages of the machine, and needs no root.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseSuite, type Architecture } from './base-lock.ts';
import { renderDebianSources } from './debian-sources.ts';
import { runTool } from './tool.ts';

export interface Apt {
  /** Every version of the packages that the mirror serves, as `name=version`. */
  list(names: readonly string[]): Promise<ReadonlySet<string>>;
  /** What apt would download for each: file name, size in bytes, sha256. Nothing is downloaded. */
  candidates(names: readonly string[]): Promise<{ fileName: string; size: number; sha256: string }[]>;
  /** Downloads `name=version` into the folder. */
  download(wanted: readonly string[], folder: string): Promise<void>;
}

/** Sets up apt, reads the package lists, and hands it to `use`. @throws ZastavaError `environment` when the mirror cannot be reached. */
export async function withApt<T>(architecture: Architecture, use: (apt: Apt) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'apt-'));
  try {
    const config = join(folder, 'apt.conf');
    for (const name of ['lists/partial', 'cache/archives/partial', 'empty']) await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'status'), '');
    await writeFile(join(folder, 'base.sources'), await renderDebianSources(baseSuite), { mode: 0o600 });
    await writeFile(config, renderConfig(folder, architecture));
    await runTool('apt-get', ['update', '-q', '-c', config]);
    return await use(aptWith(config));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function aptWith(config: string): Apt {
  return {
    async list(names) {
      const rows = await runTool('apt-cache', ['madison', '-c', config, ...names]);
      return new Set(rows.split('\n').map((row) => row.split('|').slice(0, 2).map((cell) => cell.trim()).join('=')));
    },
    async candidates(names) {
      const rows = await runTool('apt-get', ['download', '--print-uris', '-c', config, ...names]);
      return [...rows.matchAll(/^'[^']*' (\S+) (\d+) SHA256:([0-9a-f]{64})$/gm)]
        .map(([, fileName, size, sha256]) => ({ fileName: fileName!, size: Number(size), sha256: sha256! }));
    },
    async download(wanted, folder) {
      await runTool('apt-get', ['download', '-q', '-c', config, ...wanted], { cwd: folder });
    },
  };
}

/** apt.conf(5). Hooks of the machine (to tidy its own cache, to tell its desktop) are not ours to run. */
function renderConfig(folder: string, architecture: Architecture): string {
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Debug::NoLocking "true";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::sourcelist "${folder}/base.sources";
Dir::Etc::sourceparts "${folder}/empty";
Dir::Etc::preferences "${folder}/empty/none";
Dir::Etc::preferencesparts "${folder}/empty";
Dir::State::Lists "${folder}/lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
`;
}
