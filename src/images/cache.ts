/**
 * The folder of what is already downloaded and built. Files are named by their content or by a key of all that decides it,
 * and appear by rename only, so an interrupted build leaves nothing half-written under a name that counts. Trusted by hash, not by name.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { canonicalJson } from '../bytes/canonical-json.ts';
import { digestOf, sha256Hex } from '../bytes/digest.ts';
import type { Digest } from '../contract/oci.ts';

export interface Cache {
  /** `packages/<name>`: a downloaded file. */
  packagePath(name: string): string;
  blobPath(digest: Digest): string;
  /** Path of a small record under a key of the inputs that decide it. */
  recordPath(inputs: unknown): string;
  /** An empty folder to write in, gone afterwards. */
  work<T>(use: (folder: string) => Promise<T>): Promise<T>;
  /** Moves a finished file out of such a folder to its place, at once or not at all. */
  keep(file: string, place: string): Promise<void>;
}

/** @param folder is made when it is not there. */
export function openCache(folder: string): Cache {
  return {
    packagePath: (name) => join(folder, 'packages', name),
    blobPath: (digest) => join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length)),
    recordPath: (inputs) => join(folder, 'records', `${sha256Hex(canonicalJson(inputs))}.json`),
    async work(use) {
      const partial = join(folder, 'partial', randomUUID());
      await mkdir(partial, { recursive: true });
      try {
        return await use(partial);
      } finally {
        await rm(partial, { recursive: true, force: true });
      }
    },
    async keep(file, place) {
      await mkdir(dirname(place), { recursive: true });
      await rename(file, place);
    },
  };
}

/** Removes what interrupted builds left behind more than a day ago. */
export async function sweepCache(folder: string): Promise<void> {
  const partial = join(folder, 'partial');
  for (const name of await readdir(partial).catch(() => [])) {
    const found = await stat(join(partial, name)).catch(() => undefined);
    if (found && found.mtimeMs < Date.now() - 86_400_000) await rm(join(partial, name), { recursive: true, force: true });
  }
}

/** Writes a blob unless it is there, and gives its digest. */
export async function addBlob(cache: Cache, bytes: Uint8Array): Promise<Digest> {
  const digest = digestOf(bytes);
  if (!(await isBlob(cache, digest, bytes.byteLength))) {
    await addFile(cache, cache.blobPath(digest), bytes);
  }
  return digest;
}

/** Writes a whole file, or none. */
export async function addFile(cache: Cache, place: string, bytes: Uint8Array | string): Promise<void> {
  await cache.work(async (folder) => {
    await writeFile(join(folder, 'file'), bytes);
    await cache.keep(join(folder, 'file'), place);
  });
}

/** Whether the blob is there, whole. Reads it. */
export async function isBlob(cache: Cache, digest: Digest, size: number): Promise<boolean> {
  const path = cache.blobPath(digest);
  const found = await stat(path).catch(() => undefined);
  return found?.size === size && await hashFile(path, 'sha256', 'hex') === digest.slice('sha256:'.length);
}

/** Hash of a file, in constant memory; `undefined` when there is no such file. */
export async function hashFile(path: string, algorithm: 'sha256' | 'sha512', encoding: 'hex' | 'base64'): Promise<string | undefined> {
  const hash = createHash(algorithm);
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest(encoding);
}

/** A record that was written before, or `undefined`: also when it is damaged, since it can be made again. */
export async function readRecord(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
