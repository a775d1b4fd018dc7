/**
 * The machine's own apt sources, turned to another Debian suite (sources.list(5): one-line and deb822 style), so that
 * no mirror is ever written down here. Only what Debian's own keys sign is taken, whatever the machine trusts besides.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZastavaError } from '../contract/errors.ts';

/** Has the keys of every current suite; sources may name it with another suffix, or a keyring of one suite only. */
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const anyKeyring = /^\/\S*\/debian-archive-keyring\.[a-z]+$/;
const codenames = ['oldstable', 'stable', 'testing', 'unstable', 'sid', 'bullseye', 'bookworm', 'trixie', 'forky'];
const suitePattern = new RegExp(`^(?:${codenames.join('|')})(-updates|-security)?/?$`);

interface DebianSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string;
}

/** Reads `/etc/apt` (or `folder`) and gives a deb822 file of the same mirrors for `suite`. @throws ZastavaError `environment` when no source is Debian's. */
export async function renderDebianSources(suite: string, folder = '/etc/apt'): Promise<string> {
  const sources: DebianSource[] = [];
  for (const file of await sourceFiles(folder)) {
    const text = await readFile(file, 'utf8');
    sources.push(...(file.endsWith('.sources') ? parseStanzas(text) : parseLines(text)));
  }
  const stanzas = new Set<string>();
  for (const source of sources.filter(isDebians)) {
    const suites = source.suites.flatMap((name) => {
      const match = suitePattern.exec(name);
      return match ? [`${suite}${match[1] ?? ''}`] : [];
    });
    if (suites.length === 0) continue;
    stanzas.add(['Types: deb', `URIs: ${source.uris.join(' ')}`, `Suites: ${[...new Set(suites)].join(' ')}`, 'Components: main', 'Targets: Packages',
      `Signed-By: ${anyKeyring.test(source.signedBy) ? source.signedBy : keyring}`, ''].join('\n'));
  }
  if (stanzas.size === 0) {
    throw new ZastavaError('environment', `No Debian mirror is configured in ${folder}: expected a source with the component "main" of a Debian suite. `
      + 'Add one, or put the packages of base.lock.json into a folder and name it with --packages.');
  }
  return [...stanzas].join('\n');
}

async function sourceFiles(folder: string): Promise<string[]> {
  const parts = await readdir(join(folder, 'sources.list.d')).catch(() => []);
  const main = await readdir(folder).catch(() => []);
  return [
    ...main.filter((name) => name === 'sources.list').map((name) => join(folder, name)),
    ...parts.filter((name) => /\.(list|sources)$/.test(name)).toSorted().map((name) => join(folder, 'sources.list.d', name)),
  ];
}

function isDebians(source: DebianSource): boolean {
  return source.components.includes('main') && (source.signedBy === '' || source.signedBy.includes('/debian-archive-'));
}

/** deb822: stanzas of `Field: value`, continued by lines that start with white space; `#` starts a comment line. */
function parseStanzas(text: string): DebianSource[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#')).join('\n');
  return lines.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const match of stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm)) fields.set(match[1]!.toLowerCase(), match[2]!.trim());
    const words = (field: string): string[] => fields.get(field)?.split(/\s+/).filter(Boolean) ?? [];
    if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return [];
    return [{ uris: words('uris'), suites: words('suites'), components: words('components'), signedBy: fields.get('signed-by') ?? '' }];
  });
}

/** One line a source: `deb [options] uri suite component…`. */
function parseLines(text: string): DebianSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    if (!match) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(match[1] ?? '')?.[1] ?? '';
    return [{ uris: [match[2]!], suites: [match[3]!], components: match[4]!.trim().split(/\s+/), signedBy }];
  });
}
