/**
 * The base layer: what the locked Debian packages hold, less what a program without a shell cannot use, plus the few files
 * that Debian's install scripts would have written. Each package's metadata stays in `/var/lib/dpkg/status.d`, where
 * scanners of shell-less images look for it.
 */
import { readDebianPackage, type DebianPackage } from './debian-package.ts';
import type { LayerEntry } from './layer.ts';

/** Programs, scripts, documentation, and what only a debugger or another character set needs. Folders themselves stay. */
const dropped = [
  /^(usr\/)?s?bin\/./,
  /^usr\/(games|include|src)(\/|$)/,
  /^etc\/(update-motd\.d|profile\.d|skel|default|init\.d|ca-certificates)(\/|$)/,
  /^usr\/lib\/([^/]+\/)?(gconv|audit|locale)(\/|$)/,
  /^usr\/share\/(base-files|dict|gcc|gdb|i18n|info|lintian|locale|man|misc|bug)(\/|$)/,
  /^usr\/share\/doc\/[^/]+\/(?!copyright$)/,
  /^usr\/local(\/|$)/,
];
const certificates = /^usr\/share\/ca-certificates\/mozilla\/.+\.crt$/;

const added: readonly LayerEntry[] = [
  text('etc/passwd', 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n'),
  text('etc/group', 'root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n'),
  text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n'),
  { type: 'symlink', path: 'var/run', target: '/run' },
  { type: 'directory', path: 'tmp', mode: 0o1777 },
];

export const keepsPath = (path: string): boolean => !dropped.some((pattern) => pattern.test(path));

/** @param debs the files of the locked packages; they decide the result together with this module alone. */
export async function baseLayerEntries(debs: readonly string[]): Promise<LayerEntry[]> {
  const packages: DebianPackage[] = [];
  for (const deb of debs) packages.push(await readDebianPackage(deb, keepsPath));
  const entries = new Map<string, LayerEntry>();
  for (const { entries: own } of packages) for (const entry of own) entries.set(entry.path, entry);
  for (const entry of [...added, certificateBundle(entries.values()), ...packages.flatMap(statusOf)]) entries.set(entry.path, entry);
  return withParents([...entries.values()]);
}

/** What update-ca-certificates would have made. */
function certificateBundle(entries: Iterable<LayerEntry>): LayerEntry {
  const found = Array.from(entries).flatMap((entry) => (entry.type === 'file' && certificates.test(entry.path) && entry.content instanceof Uint8Array ? [{ path: entry.path, pem: Buffer.from(entry.content).toString('utf8').trim() }] : []));
  const sorted = found.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return text('etc/ssl/certs/ca-certificates.crt', sorted.map(({ pem }) => `${pem}\n`).join(''));
}

/** Checksums only of what is there. */
function statusOf({ name, control, md5sums, entries }: DebianPackage): LayerEntry[] {
  const files = new Set(entries.filter((entry) => entry.type === 'file').map((entry) => entry.path));
  const sums = md5sums.split('\n').filter((line) => files.has(line.slice(34)));
  return [
    text(`var/lib/dpkg/status.d/${name}`, control),
    text(`var/lib/dpkg/status.d/${name}.md5sums`, sums.map((line) => `${line}\n`).join('')),
  ];
}

/** Adds the folders above each entry that no package has. */
export function withParents(entries: readonly LayerEntry[]): LayerEntry[] {
  const all = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      if (!all.has(parent)) all.set(parent, { type: 'directory', path: parent, mode: 0o755 });
    }
  }
  return [...all.values()];
}

function text(path: string, content: string): LayerEntry {
  return { type: 'file', path, mode: 0o644, content: Buffer.from(content) };
}
