/** Tiny inputs of an image build: .debs (deb(5): an ar of two tar files), Node tarballs, a checkout with one program. No network. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extract, pack, type Header } from 'tar-stream';
import { debugPath } from '../../src/contract/debug-store.ts';
import { elf, id, specimen } from '../bytes/small-elf.ts';
import { architectures, basePackages, baseSuite, debFileName, debugPackages, type LockedPackage } from '../../src/images/base-lock.ts';
import type { BuildOptions } from '../../src/images/build-images.ts';
import type { BuiltImage, ImageRecipe } from '../../src/images/image.ts';

export interface TarFile {
  readonly name: string;
  readonly text?: string | Buffer;
  readonly mode?: number;
  readonly target?: string;
  readonly type?: 'link';
}

/** Fixed: a lock names inputs by digest, so inputs made a second later must be the same. */
const mtime = new Date(1e12);

async function tarOf(files: readonly TarFile[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, text, mode, target, type } of files) {
    if (target !== undefined) archive.entry({ name, mtime, type: type ?? 'symlink', linkname: target });
    else if (name.endsWith('/')) archive.entry({ name, mtime, type: 'directory', mode: mode ?? 0o755 });
    else archive.entry({ name, mtime, mode: mode ?? 0o644 }, text ?? '');
  }
  archive.finalize();
  return await buffer(archive);
}

/** Paths, headers and contents of a gzipped tar. */
export async function untar(gzip: Uint8Array): Promise<Map<string, Header & { text: string }>> {
  const entries = new Map<string, Header & { text: string }>();
  const reader = extract();
  reader.end(gunzipSync(gzip));
  for await (const entry of reader) entries.set(entry.header.name, { ...entry.header, text: (await buffer(entry)).toString('utf8') });
  return entries;
}

export async function debOf(name: string, version: string, architecture: string, files: readonly TarFile[]): Promise<Buffer> {
  const sums = files.filter((file) => file.text !== undefined).map((file) => `${createHash('md5').update(file.text!).digest('hex')}  ${file.name.slice(2)}\n`);
  const control = await tarOf([
    { name: './control', text: `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: Nobody <nobody@example.org>\nDescription: made by a test\n` },
    { name: './md5sums', text: sums.join('') },
    { name: './postinst', text: '#!/bin/sh\n', mode: 0o755 },
  ]);
  const members: [string, Uint8Array][] = [['debian-binary', Buffer.from('2.0\n')], ['control.tar', control], ['data.tar', await tarOf(files)]];
  const parts = members.flatMap(([member, bytes]) => [
    Buffer.from(`${member.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`),
    bytes, Buffer.from(bytes.length % 2 ? '\n' : ''),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

/** A library that has a build-id. */
const library = specimen({ bits: 64, littleEndian: true });

/** What the package has beside its copyright: enough of each kind that the base layer treats in its own way. */
const contents: Readonly<Record<string, readonly TarFile[]>> = {
  'base-files': [
    { name: './' }, { name: './bin', target: 'usr/bin' }, { name: './lib', target: 'usr/lib' }, { name: './tmp/', mode: 0o755 }, { name: './root/', mode: 0o700 },
    { name: './usr/bin/' }, { name: './usr/lib/os-release', text: 'ID=debian\n' }, { name: './etc/os-release', target: '../usr/lib/os-release' },
    { name: './etc/update-motd.d/10-uname', text: '#!/bin/sh\n', mode: 0o755 },
  ],
  'ca-certificates': [
    { name: './usr/sbin/update-ca-certificates', text: '#!/bin/sh\n', mode: 0o755 },
    { name: './usr/share/ca-certificates/mozilla/B.crt', text: 'certificate B' }, { name: './usr/share/ca-certificates/mozilla/A.crt', text: 'certificate A\n' },
  ],
  'libstdc++6': [{ name: './usr/lib/libstdc++.so.6', text: elf({ bits: 64, littleEndian: true }, []) }],
  'libc6-dbg': [{ name: `./usr/lib/debug/${debugPath(id.toString('hex'))}`, text: library }],
  'libc6': [
    { name: './usr/lib/libm.so.6', text: library },
    { name: './usr/bin/sh', text: 'a shell', mode: 0o755 }, { name: './usr/lib/libc.so.6', text: 'libc', mode: 0o755 }, { name: './usr/lib/libc-too.so', target: './usr/lib/libc.so.6', type: 'link' },
    { name: './usr/lib/any/gconv/gconv-modules', text: 'x' }, { name: './usr/share/doc/libc6/changelog.gz', text: 'x' }, { name: './usr/share/locale/bg/x.mo', text: 'x' },
  ],
};

const filesOf = (name: string, copyright: string): TarFile[] => [...(contents[name] ?? []), { name: `./usr/share/doc/${name}/copyright`, text: copyright }];

export const recipe: ImageRecipe = {
  name: 'clock',
  program: { name: 'tell-time', entry: 'src/main.ts' },
  user: '65532', title: 'Clock', description: 'Tells the time.', version: '1.2.3', licenses: 'Apache-2.0', ports: ['8080/tcp'], env: { COLOUR: 'green' },
};

/** A checkout and a folder of packages in a new temporary folder; the same content each time. `copyrights`: package → its copyright file. */
export async function makeInputs(copyrights: Readonly<Record<string, string>> = {}): Promise<BuildOptions & { readonly packagesFrom: string; readonly cache: string }> {
  const root = await mkdtemp(join(tmpdir(), 'images-test-'));
  const packagesFrom = join(root, 'packages');
  await mkdir(join(root, 'src'));
  await mkdir(packagesFrom);
  await writeFile(join(root, 'src', 'main.ts'), "import { hour } from './hour.ts';\nconsole.log(`It is ${hour satisfies number}.`);\n");
  await writeFile(join(root, 'src', 'hour.ts'), 'export const hour: number = 12;\n');
  const packages: Record<string, LockedPackage[]> = {};
  const symbols: Record<string, LockedPackage[]> = {};
  const node: Record<string, unknown> = {};
  for (const architecture of architectures) {
    packages[architecture] = [];
    symbols[architecture] = [];
    for (const name of [...basePackages, ...debugPackages]) {
      const deb = await debOf(name, '1:1.0-1', architecture, filesOf(name, copyrights[name] ?? `copyright of ${name}\n`));
      const locked: LockedPackage = { name, version: '1:1.0-1', architecture, size: deb.length, sha256: createHash('sha256').update(deb).digest('hex') };
      (basePackages.includes(name) ? packages : symbols)[architecture]!.push(locked);
      await writeFile(join(packagesFrom, debFileName(locked)), deb);
    }
    const npmName = `node-linux-${architecture === 'amd64' ? 'x64' : architecture}`;
    const tarball = gzipSync(await tarOf([{ name: 'package/LICENSE', text: 'MIT' }, { name: 'package/bin/node', text: `node for ${architecture}`, mode: 0o755 }, { name: 'package/share/doc', text: 'x' }]));
    node[`node_modules/${npmName}`] = { version: '24.0.1', integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}` };
    await writeFile(join(packagesFrom, `${npmName}-24.0.1.tgz`), tarball);
  }
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: node }));
  return { root, packagesFrom, cache: join(root, 'cache'), epochSeconds: 1_767_225_600, baseLock: JSON.stringify({ suite: baseSuite, packages, debugPackages: symbols }) };
}

export function blobPath(image: BuiltImage, digest: string): string {
  return [...image.blobs].find(([own]) => own === digest)![1].path;
}
