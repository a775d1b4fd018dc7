/**
 * A path of the host, seen through the root of one of its processes. Links are followed here and not by the kernel, for which an absolute one
 * (`/var/run` → `/run`) would lead into our own container.
 */
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';

const linksMax = 40;

/** @returns the path on the host without links, as far as it is there. @throws what the file system says, and ELOOP */
export async function resolveHostPath(root: string, path: string): Promise<string> {
  let done: string[] = [];
  const rest = partsOf(path);
  for (let links = 0; rest.length > 0;) {
    const part = rest.shift()!;
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = await targetOf(join(root, ...done, part));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    if (++links > linksMax) throw Object.assign(new Error(`too many links in ${path}`), { code: 'ELOOP' });
    if (target.startsWith('/')) done = [];
    rest.unshift(...partsOf(target));
  }
  return `/${done.join('/')}`;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Undefined for what is no link, or is not there. */
async function targetOf(path: string): Promise<string | undefined> {
  return readlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EINVAL' || error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}
