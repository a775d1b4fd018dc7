/** Opens one .deb (deb(5): an ar of two tar files, xz in practice, which Node does not have: dpkg-deb decompresses). */
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, type Header } from 'tar-stream';
import type { LayerEntry } from './layer.ts';
import { streamTool } from './tool.ts';

export interface DebianPackage {
  readonly name: string;
  /** The control file: the package's own description of itself. */
  readonly control: string;
  /** Lines of `<md5>  <path>`; empty when the package has none. */
  readonly md5sums: string;
  readonly entries: readonly LayerEntry[];
}

/** @param keeps paths without a leading slash; what it refuses is not read into memory. */
export async function readDebianPackage(file: string, keeps: (path: string) => boolean): Promise<DebianPackage> {
  const texts = new Map<string, string>();
  await readTar('--ctrl-tarfile', file, async (path, _header, content) => {
    if (path === 'control' || path === 'md5sums') texts.set(path, (await buffer(content)).toString('utf8'));
    else content.resume();
  });
  const entries: LayerEntry[] = [];
  await readTar('--fsys-tarfile', file, async (path, header, content) => {
    if (path === '' || !keeps(path)) { content.resume(); return; }
    entries.push(await toEntry(path, header, content, entries));
  });
  const control = texts.get('control') ?? '';
  return { name: /^Package: (\S+)$/m.exec(control)?.[1] ?? '', control, md5sums: texts.get('md5sums') ?? '', entries };
}

async function toEntry(path: string, header: Header, content: Readable, before: readonly LayerEntry[]): Promise<LayerEntry> {
  const mode = (header.mode ?? 0o644) & 0o7777;
  const bytes = await buffer(content);
  switch (header.type) {
    case 'directory': return { type: 'directory', path, mode };
    case 'symlink': return { type: 'symlink', path, target: header.linkname ?? '' };
    case 'file': return { type: 'file', path, mode, content: bytes };
    case 'link': {
      const target = before.find((entry) => entry.path === withoutDot(header.linkname ?? ''));
      if (target?.type === 'file') return { ...target, path };
    }
  }
  throw new TypeError(`${path} is a ${header.type} that points nowhere or has no place in a package`);
}

async function readTar(part: '--ctrl-tarfile' | '--fsys-tarfile', file: string, take: (path: string, header: Header, content: Readable) => Promise<void>): Promise<void> {
  await streamTool('dpkg-deb', [part, file], async (stdout) => {
    for await (const entry of stdout.pipe(extract())) {
      await take(withoutDot(entry.header.name), entry.header, entry as unknown as Readable);
    }
  });
}

const withoutDot = (path: string): string => path.replace(/^\.?\//, '').replace(/\/$/, '');
