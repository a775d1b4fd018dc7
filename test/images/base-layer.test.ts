import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseLayerEntries } from '../../src/images/base-layer.ts';
import { basePackages, debFileName, parseBaseLock } from '../../src/images/base-lock.ts';
import type { LayerEntry } from '../../src/images/layer.ts';
import { debOf, makeInputs } from './fake-inputs.ts';

let entries: Map<string, LayerEntry>;
const folders: string[] = [];
const textOf = (path: string): string | undefined => {
  const entry = entries.get(path);
  return entry?.type === 'file' && entry.content instanceof Uint8Array ? Buffer.from(entry.content).toString('utf8') : undefined;
};

beforeAll(async () => {
  const { root, packagesFrom, baseLock } = await makeInputs();
  folders.push(root);
  const debs = parseBaseLock(baseLock, 'test').packages.amd64.map((locked) => join(packagesFrom, debFileName(locked)));
  entries = new Map((await baseLayerEntries(debs)).map((entry) => [entry.path, entry]));
});
afterAll(async () => { for (const folder of folders) await rm(folder, { recursive: true }); });

describe('the base layer', () => {
  it('has no shell, no script and no other program', () => {
    const programs = [...entries.values()].filter((entry) => entry.type === 'file' && (entry.mode & 0o111) !== 0 && !/\.so(\.|$)/.test(entry.path));
    expect(programs).toEqual([]);
    expect(entries.get('usr/bin')).toMatchObject({ type: 'directory' });
    expect([...entries.keys()].filter((path) => path.startsWith('usr/bin/') || path.startsWith('usr/sbin/'))).toEqual([]);
  });

  it('keeps copyrights and drops other documentation, locales and character sets', () => {
    for (const name of basePackages) expect(textOf(`usr/share/doc/${name}/copyright`)).toBe(`copyright of ${name}\n`);
    expect([...entries.keys()].filter((path) => /changelog|gconv|locale|update-motd/.test(path))).toEqual([]);
  });

  it('tells scanners which packages it has, with checksums of the files that are there', () => {
    for (const name of basePackages) expect(textOf(`var/lib/dpkg/status.d/${name}`)).toContain(`Package: ${name}\nVersion: 1:1.0-1\n`);
    const sums = textOf('var/lib/dpkg/status.d/libc6.md5sums')!.trim().split('\n').map((line) => line.slice(34));
    expect(sums).toEqual(['usr/lib/libm.so.6', 'usr/lib/libc.so.6', 'usr/share/doc/libc6/copyright']);
  });

  it('has what install scripts would have made', () => {
    expect(textOf('etc/ssl/certs/ca-certificates.crt')).toBe('certificate A\ncertificate B\n');
    expect(textOf('etc/passwd')).toContain('nonroot:x:65532:65532:');
    expect(textOf('etc/group')).toContain('nonroot:x:65532:');
    expect(textOf('etc/nsswitch.conf')).toContain('hosts: files dns');
    expect(entries.get('etc/os-release')).toEqual({ type: 'symlink', path: 'etc/os-release', target: '../usr/lib/os-release' });
    expect(entries.get('tmp')).toMatchObject({ mode: 0o1777 });
  });

  it('keeps the links that merge /usr, so that the loader is found', () => {
    expect(entries.get('lib')).toEqual({ type: 'symlink', path: 'lib', target: 'usr/lib' });
    expect(textOf('usr/lib/libc.so.6')).toBe('libc');
  });

  it('turns a hard link into a file of its own', () => {
    expect(textOf('usr/lib/libc-too.so')).toBe('libc');
  });

  it('refuses a package with something else than files, folders and links', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-test-'));
    folders.push(folder);
    await writeFile(join(folder, 'odd.deb'), await debOf('odd', '1', 'all', [{ name: './usr/lib/dangling', target: './nowhere', type: 'link' }]));
    await expect(baseLayerEntries([join(folder, 'odd.deb')])).rejects.toThrow('usr/lib/dangling is a link');
  });

  it('refuses a file that is no package', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-test-'));
    folders.push(folder);
    await writeFile(join(folder, 'text.deb'), 'not a package');
    await expect(baseLayerEntries([join(folder, 'text.deb')])).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining('dpkg-deb') as string });
  });
});
