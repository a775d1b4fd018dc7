/** Writing the outputs of the verbs: what is written appears whole or not at all. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Writes files below `root`, each under a temporary name first. */
export async function writeFiles(root: string, files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of files) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    const temporary = `${target}.part`;
    await writeFile(temporary, content);
    await rename(temporary, target);
  }
}

/** Removes the YAML files of `<dist>/manifests` that this run did not write: objects of an earlier one must not be applied. */
export async function removeStaleManifests(dist: string, written: Iterable<string>): Promise<void> {
  const keep = new Set([...written].map((path) => basename(path)));
  const folder = join(dist, 'manifests');
  const names = await readdir(folder).catch(() => []);
  for (const name of names) if (name.endsWith('.yaml') && !keep.has(name)) await rm(join(folder, name));
}
