/**
 * The release log as files, which a repository keeps: `<index>.json` is the body of a leaf, `<size>.head` the signed head
 * after a release of so many leaves in all. Nothing is ever written over. A release counts once its head is there.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal } from '../../bytes/refusal.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { Signer } from '../keys.ts';
import { parsePublicKey } from '../public-key.ts';
import { openCheckpoint, originOf, renderCheckpoint, type Checkpoint } from './checkpoint.ts';
import { hashLeaf, isConsistent, MerkleTree } from './merkle-tree.ts';
import { logHosts, logOf, type ReleaseLog } from './release-log.ts';

export interface OpenedLog extends ReleaseLog {
  /** Writes the leaves appended since it was opened, and then their head. Throws `kit.log-invalid` when somebody else has released meanwhile. */
  commit(): Promise<void>;
}

const suffixes = { leaf: '.json', head: '.head' } as const;
const numberDigits = 8;

/**
 * Opens the log in `folder`; a folder that is empty or not there is a log without leaves. Every leaf and head is checked:
 * `kit.log-invalid` for one that is missing, changed or too many. Throws `kit.key-invalid` for a development key.
 */
export async function openReleaseLog(folder: string, signer: Signer): Promise<OpenedLog> {
  if (signer.kind === 'development') throw new ZastavaError('kit.key-invalid', 'A development key cannot sign the release log; development kits have a log of their own.');
  const { bodies, heads } = await readFolder(folder, signer);
  const leafHashes = bodies.map((body) => hashLeaf(body));
  requireHeads(heads, new MerkleTree(leafHashes), folder);
  let first = leafHashes.length;
  const added: string[] = [];
  const log = logOf({ signer, host: logHosts.release, leafHashes, released: heads.map(({ size }) => size), onLeaf: (body) => added.push(body) });
  return {
    ...log,
    async commit() {
      if (added.length === 0) return;
      const { size, root } = new MerkleTree(leafHashes);
      const head = renderCheckpoint({ origin: originOf(logHosts.release, signer.keyId), size, root }, signer);
      await writeRelease(folder, first, added, head);
      first += added.splice(0).length;
    },
  };
}

async function readFolder(folder: string, { publicKeyPem }: Signer): Promise<{ bodies: Buffer[]; heads: Checkpoint[] }> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new ZastavaError('environment', `The release log ${folder} cannot be read: ${cause.message}`, { cause });
  });
  const leaves = names.filter((name) => name.endsWith(suffixes.leaf)).sort();
  const heads = names.filter((name) => name.endsWith(suffixes.head)).sort();
  const strange = [...leaves.filter((name, index) => name !== nameOf(index, suffixes.leaf)), ...names.filter((name) => !leaves.includes(name) && !heads.includes(name))];
  if (strange.length > 0) throw refusal('kit.log-invalid', { where: folder, expected: 'leaves 0 and on, none missing, and heads', found: strange.join(', ') });
  const key = parsePublicKey(publicKeyPem, 'of the release log');
  return {
    bodies: await Promise.all(leaves.map((name) => readFile(join(folder, name)))),
    heads: await Promise.all(heads.map(async (name) => {
      const head = openCheckpoint(await readFile(join(folder, name), 'utf8'), key, join(folder, name));
      if (nameOf(head.size, suffixes.head) === name) return head;
      throw refusal('kit.log-invalid', { where: join(folder, name), expected: 'the head of the size in its name', found: `${head.size}` });
    })),
  };
}

/** The last head is of all leaves, and every earlier one of those that were there then. */
function requireHeads(heads: readonly Checkpoint[], tree: MerkleTree, folder: string): void {
  const last = heads.at(-1)?.size ?? 0;
  if (last !== tree.size) throw refusal('kit.log-invalid', { where: folder, expected: `${last} leaves, as the last head says; if a release was interrupted, take away what it left`, found: `${tree.size}` });
  for (const head of heads) {
    if (!isConsistent(head, tree, tree.consistencyProof(head.size))) throw refusal('kit.log-invalid', { where: join(folder, nameOf(head.size, suffixes.head)), expected: `the root of the first ${head.size} leaves`, found: 'another: a leaf was changed' });
  }
}

/** What was written goes away again when not all of it can be. A leaf that is there already is somebody else's release. */
async function writeRelease(folder: string, first: number, bodies: readonly string[], head: string): Promise<void> {
  const written: string[] = [];
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text, { flag: 'wx', flush: true });
    written.push(path);
    return path;
  };
  try {
    await mkdir(folder, { recursive: true });
    for (const [index, body] of bodies.entries()) await write(nameOf(first + index, suffixes.leaf), body);
    const size = first + bodies.length;
    const draft = await write(`${nameOf(size, suffixes.head)}.draft`, head);
    await rename(draft, join(folder, nameOf(size, suffixes.head)));
  } catch (cause) {
    for (const path of written) await rm(path, { force: true });
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw new ZastavaError('environment', `The release log ${folder} cannot be written: ${(cause as Error).message}`, { cause });
    throw refusal('kit.log-invalid', { where: folder, expected: `no leaf after the first ${first}`, found: 'another release since it was opened; build anew' }, cause);
  }
}

function nameOf(number: number, suffix: string): string {
  return String(number).padStart(numberDigits, '0') + suffix;
}
