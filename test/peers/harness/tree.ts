/** Folders as values: what a checkout holds, and what a command wrote. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, createReadStream, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { succeed } from './commands.ts';
import { peer } from './peers.ts';

/** Path → sha256 of every file below a folder. */
export async function readTree(folder: string): Promise<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
  const tree: Record<string, string> = {};
  for (const file of files) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    tree[relative(folder, file)] = hash.digest('hex');
  }
  return tree;
}

/** Copies what git has of a checkout, or would have after `git add .`, as a clone made under that umask: no caches, no modules. */
export async function copyCheckout(checkout: string, folder: string, umask = 0o022): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o777 & ~umask });
  const listed = await succeed(peer('git'), ['-C', checkout, 'ls-files', '--cached', '--others', '--exclude-standard', '-z']);
  for (const path of listed.split('\0')) {
    const source = join(checkout, path);
    if (path === '' || !existsSync(source)) continue;
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o777 & ~umask });
    copyFileSync(source, target);
    chmodSync(target, (statSync(source).mode & 0o100 ? 0o777 : 0o666) & ~umask);
  }
}
