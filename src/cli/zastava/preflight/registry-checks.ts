/** The registry that the nodes will pull from, seen from here: whether it is there, has the images, and takes as many bytes as it may have to. */
import type { Values } from '../../../config/schema.ts';
import { ZastavaError } from '../../../contract/errors.ts';
import type { ImagesLock } from '../../../contract/images-lock.ts';
import type { PreflightFinding } from '../../../contract/preflight.ts';
import { BlobUpload } from '../../../registry/blob-upload.ts';
import type { RegistryClient } from '../../../registry/registry-client.ts';
import { Repository } from '../../../registry/repository.ts';
import { openRegistry, parseRegistry, type RegistryVerbOptions } from '../registry-options.ts';

const MiB = 1024 * 1024;

/** @param spaceBytes to be tried when images are missing; 0 tries nothing */
export async function checkRegistry({ registry }: Values['zastava']['images'], { images }: ImagesLock, spaceBytes: number, options: RegistryVerbOptions): Promise<PreflightFinding[]> {
  const { domain, path } = parseRegistry(registry);
  const below = (name: string): string => (path === '' ? name : `${path}/${name}`);
  let client: RegistryClient;
  try {
    const actions = spaceBytes > 0 ? 'pull,push' : 'pull';
    client = await openRegistry(domain, Object.keys(images).map((name) => `repository:${below(name)}:${actions}`), options);
  } catch (error) {
    return [{ check: 'registry', outcome: outcomeOf(error), found: (error as Error).message, todo: 'see zastava.images.registry, --registry-ca, --docker-config and --plain-http' }];
  }
  try {
    const repositories = Object.entries(images).map(([name, { index }]) => ({ repository: new Repository(client, below(name)), index }));
    const missing: Repository[] = [];
    for (const { repository, index } of repositories) if ((await repository.resolve(index)) !== index) missing.push(repository);
    const there: PreflightFinding = { check: 'registry', outcome: 'ok', found: `${domain} answers` };
    const [first] = missing;
    if (first === undefined) return [there, { check: 'images', outcome: 'ok', found: `${repositories.map(({ repository }) => repository.name).join(' and ')} have the digests of the lock` }];
    const lacking: PreflightFinding = { check: 'images', outcome: 'failed', found: `${missing.map(({ name }) => name).join(' and ')} ${missing.length === 1 ? 'has' : 'have'} not the digest of the lock`, todo: `zastava kit push KIT ${registry}` };
    return [there, lacking, ...(spaceBytes > 0 ? [await trySpace(first, spaceBytes)] : [])];
  } catch (error) {
    return [{ check: 'registry', outcome: outcomeOf(error), found: (error as Error).message }];
  } finally {
    await client.close();
  }
}

/** The protocol has no question for it. What is sent is taken back, and never becomes a blob. */
async function trySpace(repository: Repository, bytes: number): Promise<PreflightFinding> {
  const check = "registry's space";
  let upload: BlobUpload | undefined;
  try {
    upload = await BlobUpload.start(repository);
    const piece = new Uint8Array(upload.pieceBytes);
    for (let left = bytes; left > 0; left -= piece.length) await upload.append(piece.subarray(0, left));
    return { check, outcome: 'ok', found: `took ${Math.ceil(bytes / MiB)} MiB, which were taken back` };
  } catch (error) {
    return { check, outcome: outcomeOf(error), found: (error as Error).message, todo: 'make room there, or see whether these credentials may push' };
  } finally {
    await upload?.cancel();
  }
}

function outcomeOf(error: unknown): 'failed' | 'unknown' {
  if (!(error instanceof ZastavaError)) throw error;
  return error.exitCode === 3 ? 'unknown' : 'failed';
}
