import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../src/kit/log/checkpoint.ts';
import { openReleaseLog } from '../../../src/kit/log/log-folder.ts';
import { isConsistent } from '../../../src/kit/log/merkle-tree.ts';
import { parsePublicKey } from '../../../src/kit/public-key.ts';
import { testSigner } from '../tiny-kit.ts';

const signer = (await testSigner()).deriveSigner('log of the tests');
const key = parsePublicKey(signer.publicKeyPem, 'of the test');
const bodies = Array.from({ length: 5 }, (_, index) => JSON.stringify({ apiVersion: '0.0.1', kind: 'dsse', index }));
const refused = expect.objectContaining({ code: 'kit.log-invalid' });

let scratch: string;
let folder: string;
let copies = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'release-log-'));
  folder = join(scratch, 'log');
  const first = await openReleaseLog(folder, signer);
  first.append(bodies.slice(0, 2), 1);
  first.append(bodies.slice(2, 3), 1);
  await first.commit();
  const second = await openReleaseLog(folder, signer);
  second.append(bodies.slice(3), 2);
  await second.commit();
});

afterAll(() => rm(scratch, { recursive: true }));

/** A copy of the log, changed. */
async function changed(change: (folder: string) => Promise<unknown>): Promise<string> {
  const copy = join(scratch, `copy-${copies++}`);
  await cp(folder, copy, { recursive: true });
  await change(copy);
  return copy;
}

async function contentsOf(path: string): Promise<Record<string, string>> {
  const names = await readdir(path);
  return Object.fromEntries(await Promise.all(names.sort().map(async (name) => [name, await readFile(join(path, name), 'utf8')] as const)));
}

describe('the folder of a release log', () => {
  test('has one file a leaf, and one head a release', async () => {
    expect(Object.keys(await contentsOf(folder))).toEqual(['00000000.json', '00000001.json', '00000002.json', '00000003.head', '00000003.json', '00000004.json', '00000005.head']);
    expect(await readFile(join(folder, '00000003.json'), 'utf8')).toBe(bodies[3]);
    expect(openCheckpoint(await readFile(join(folder, '00000005.head'), 'utf8'), key, 'here')).toMatchObject({ size: 5 });
  });

  test('that is empty, or not there, is a log without leaves', async () => {
    const log = await openReleaseLog(join(scratch, 'none'), signer);
    const [entry] = log.append(bodies.slice(0, 1), 1);
    expect(entry).toMatchObject({ logIndex: '0', inclusionProof: { treeSize: '1' } });
    expect(log.proveConsistency()).toEqual([]);
  });

  test('goes on where it was', async () => {
    const log = await openReleaseLog(folder, signer);
    const [entry] = log.append(['{"kind":"dsse","apiVersion":"0.0.1"}'], 3);
    expect(entry).toMatchObject({ logIndex: '5', inclusionProof: { treeSize: '6' } });
  });

  test('proves that every head released before is its beginning', async () => {
    const log = await openReleaseLog(folder, signer);
    const [entry] = log.append(bodies.slice(0, 1), 3);
    const later = openCheckpoint(entry!.inclusionProof!.checkpoint!.envelope, key, 'here');
    const proofs = log.proveConsistency()!;
    expect(proofs.map(({ size }) => size)).toEqual([3, 5]);
    for (const { size, hashes } of proofs) {
      const earlier = openCheckpoint(await readFile(join(folder, `0000000${size}.head`), 'utf8'), key, 'here');
      expect(isConsistent(earlier, later, hashes)).toBe(true);
    }
  });

  test('is as it was when a release is not committed', async () => {
    const before = await contentsOf(folder);
    const log = await openReleaseLog(folder, signer);
    log.append(bodies, 3);
    expect(await contentsOf(folder)).toEqual(before);
  });

  test('only grows when one is', async () => {
    const before = await contentsOf(folder);
    const copy = await changed(async (path) => {
      const log = await openReleaseLog(path, signer);
      log.append(bodies, 3);
      await log.commit();
    });
    expect(await contentsOf(copy)).toMatchObject(before);
    expect((await openReleaseLog(copy, signer)).proveConsistency()!.map(({ size }) => size)).toEqual([3, 5, 10]);
  });

  test('can be committed to more than once', async () => {
    const copy = await changed(async (path) => {
      const log = await openReleaseLog(path, signer);
      log.append(bodies.slice(0, 1), 3);
      await log.commit();
      await log.commit();
      log.append(bodies.slice(1, 2), 4);
      await log.commit();
    });
    expect((await openReleaseLog(copy, signer)).proveConsistency()!.map(({ size }) => size)).toEqual([3, 5, 6, 7]);
  });

  test('takes one of two releases that were begun at once, and is whole after it', async () => {
    const copy = await changed(async (path) => {
      const [one, other] = [await openReleaseLog(path, signer), await openReleaseLog(path, signer)];
      one.append(bodies.slice(0, 1), 3);
      other.append(bodies.slice(1, 3), 3);
      await one.commit();
      await expect(other.commit()).rejects.toThrow(refused);
    });
    expect((await openReleaseLog(copy, signer)).proveConsistency()!.map(({ size }) => size)).toEqual([3, 5, 6]);
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['a leaf that was changed', (path) => writeFile(join(path, '00000001.json'), bodies[0]!)],
    ['a leaf of the last release that was changed', (path) => writeFile(join(path, '00000004.json'), bodies[0]!)],
    ['a leaf that is missing', (path) => rm(join(path, '00000001.json'))],
    ['the last leaf missing', (path) => rm(join(path, '00000004.json'))],
    ['a leaf under no head', (path) => writeFile(join(path, '00000005.json'), bodies[0]!)],
    ['two leaves in each other’s place', async (path) => {
      await rename(join(path, '00000000.json'), join(path, 'x'));
      await rename(join(path, '00000001.json'), join(path, '00000000.json'));
      await rename(join(path, 'x'), join(path, '00000001.json'));
    }],
    ['the last head missing', (path) => rm(join(path, '00000005.head'))],
    ['a head under another name', (path) => rename(join(path, '00000003.head'), join(path, '00000004.head'))],
    ['a head that was changed', async (path) => writeFile(join(path, '00000003.head'), (await readFile(join(path, '00000003.head'), 'utf8')).replace('\n3\n', '\n2\n'))],
    ['what is neither leaf nor head', (path) => writeFile(join(path, 'notes.txt'), 'x')],
  ])('is not opened with %s', async (_, change) => {
    await expect(openReleaseLog(await changed(change), signer)).rejects.toThrow(refused);
  });

  test('is not opened with an earlier head of a history that never was', async () => {
    const other = join(scratch, 'other');
    const log = await openReleaseLog(other, signer);
    log.append(bodies.slice(1, 4), 1);
    await log.commit();
    await expect(openReleaseLog(await changed((path) => cp(join(other, '00000003.head'), join(path, '00000003.head'))), signer)).rejects.toThrow(refused);
  });

  test('is not opened by another key', async () => {
    await expect(openReleaseLog(folder, signer.deriveSigner('another'))).rejects.toThrow(refused);
  });

  test('is not opened by a development key', async () => {
    await expect(openReleaseLog(folder, { ...signer, kind: 'development' })).rejects.toThrow(expect.objectContaining({ code: 'kit.key-invalid' }));
  });
});
