/**
 * Makes a kit's archive: inventory, with what is attested of the images → manifest → signature of the manifest → archive. The file appears under its name
 * only when it is whole and on disk; whatever goes wrong before leaves nothing behind.
 */
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256Hex } from '../bytes/digest.ts';
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { kitPaths, kitSuffixes } from '../contract/kit-format.ts';
import { writeArchive, type ArchiveEntry, type ArchiveOptions } from './archive.ts';
import { gatherInventory, type InventoryInput } from './inventory.ts';
import { renderManifest, signManifest } from './manifest.ts';

export interface KitPlan extends InventoryInput {
  /** Folder for the archive; made if it is not there. */
  readonly to: string;
  readonly onProgress?: ArchiveOptions['onProgress'];
}

export interface AssembledKit {
  readonly path: string;
  /** Of the file, 64 lowercase hex digits. */
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Writes `<to>/<name>-<version>.tar.zst`. The same plan gives the same bytes.
 * Throws `usage` for a version or time that cannot be, `environment` when a file cannot be read or written, and what the inventory throws.
 */
export async function assembleKit(plan: KitPlan): Promise<AssembledKit> {
  const { recipe, version, notary: { signer, signedAt } } = plan;
  checkPlan(plan);
  const files = await gatherInventory(plan);
  const records = files.map(({ path, size, sha256, mediaType, role }) => ({ path, size, sha256, mediaType, role }));
  const manifest = renderManifest({ name: recipe.name, version, signedAt, signer, files: records });
  const head = [entryOf(kitPaths.manifest, manifest), entryOf(kitPaths.manifestSignature, signManifest(manifest, signer))];
  const target = join(plan.to, `${recipe.name}-${version}${kitSuffixes.archive}`);
  const written = await writeWhole(target, [...head, ...files], { mtime: recipe.epoch, onProgress: plan.onProgress });
  return { path: target, ...written };
}

function checkPlan({ version, notary: { signedAt } }: KitPlan): void {
  const problems: Problem[] = [];
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/.test(version)) problems.push({ where: 'version', expected: 'letters, digits, "." and "-", 64 at most', found: version });
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(signedAt) || Number.isNaN(Date.parse(signedAt))) {
    problems.push({ where: 'signing time', expected: 'UTC such as 2026-11-24T00:00:00Z', found: signedAt });
  }
  if (problems.length > 0) throw new ZastavaError('usage', 'The kit cannot be named or dated so.', { problems });
}

function entryOf(path: string, source: Uint8Array): ArchiveEntry {
  return { path, size: source.length, sha256: sha256Hex(source), source };
}

async function writeWhole(path: string, entries: readonly ArchiveEntry[], options: ArchiveOptions): Promise<{ sha256: string; bytes: number }> {
  const partial = `${path}.${process.pid}.partial`;
  let file: FileHandle | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    file = await open(partial, 'w');
    const written = await writeArchive(file, entries, options);
    await file.sync();
    await file.close();
    await rename(partial, path);
    return written;
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(partial, { force: true });
    if (error instanceof ZastavaError) throw error;
    throw new ZastavaError('environment', `The kit ${path} could not be written: ${(error as Error).message}`, { cause: error });
  }
}
