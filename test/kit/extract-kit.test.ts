import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { extractKit, type ExtractedKit } from '../../src/kit/extract-kit.ts';
import { openKit, type OpenedKit } from '../../src/kit/open-kit.ts';
import { makeTinyKit, type TinyKit } from './tiny-kit.ts';

let kit: TinyKit;
let opened: OpenedKit;
let keyPem: string;
let to: string;

beforeAll(async () => {
  kit = await makeTinyKit();
  opened = await openKit(kit.path);
  keyPem = await readFile(kit.publicKey, 'utf8');
});
beforeEach(async () => {
  to = await mkdtemp(join(kit.folder, 'to-'));
});
afterAll(() => rm(kit.folder, { recursive: true }));

async function extract(paths: string[], folder = to, from = opened): Promise<ExtractedKit> {
  return extractKit(from, paths, folder, { keyPem });
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

test('only what was asked for is written: files, and folders with all that is in them', async () => {
  const { written, report } = await extract(['docs/', 'README.md'], join(to, 'new', 'folder'));
  expect(report.ok).toBe(true);
  expect(written).toEqual(['README.md', 'docs/ops/metrics.json', 'docs/ops/rules.yaml']);
  expect(await filesIn(to)).toEqual(written.map((path) => `new/folder/${path}`));
  expect(await readFile(join(to, 'new/folder/README.md'), 'utf8')).toBe('# Tiny\n');
});

test('without paths all of it is written, the manifest and its signature too', async () => {
  const { written } = await extract([]);
  expect(written).toContain('offline-manifest.json.jws');
  expect(written).toContain('signatures/index.json');
  expect(await filesIn(to)).toEqual([...written].sort());
});

test('a path is a whole name, not the beginning of one', async () => {
  await expect(extract(['READ', 'README.md', 'doc'])).rejects.toMatchObject({ code: 'kit.path-unknown', exitCode: 2, problems: [{ where: 'READ' }, { where: 'doc' }] });
  expect(await filesIn(to)).toEqual([]);
});

test('nothing is written, not even the folder, from a kit that does not hold', async () => {
  const bytes = await readFile(kit.path);
  bytes[bytes.length - 1]! ^= 1;
  const path = join(to, 'damaged.tar.zst');
  await writeFile(path, bytes);
  const damaged = { ...(await openKit(path)), signatures: opened.signatures };
  await expect(extract(['README.md'], join(to, 'out'), damaged)).rejects.toMatchObject({ code: 'kit.seek-table-invalid' });
  expect(await filesIn(to)).toEqual(['damaged.tar.zst']);
});

test('nothing is written with the wrong key, or with none', async () => {
  await expect(extractKit(opened, [], to, { keyPem: null })).rejects.toMatchObject({ code: 'kit.trust-missing' });
  expect(await readdir(to)).toEqual([]);
});

test('nothing is written from a kit that changes after it was verified', async () => {
  const good = await readFile(kit.path);
  let reads = 0;
  const other = await makeTinyKit((plan) => ({ ...plan, sources: new Map([...plan.sources, ['README.md', Buffer.from('# Evil\n')]]) }));
  const evil = await readFile(other.path);
  await rm(other.folder, { recursive: true });
  const changing: OpenedKit = { ...opened, stream: async function* () { yield ++reads < 3 ? good : evil; } };
  await expect(extract(['README.md'], to, changing)).rejects.toMatchObject({ code: 'environment' });
  expect(reads).toBe(3);
  expect(await readdir(to)).toEqual([]);
});

test('a symbolic link in the way, as folder or as file, is not followed and nothing is written', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
  await symlink(elsewhere, join(to, 'docs'));
  await expect(extract(['README.md', 'docs'])).rejects.toMatchObject({ code: 'environment', problems: [{ where: 'docs', found: 'a symbolic link' }] });
  await rm(join(to, 'docs'));
  await symlink(join(elsewhere, 'file'), join(to, 'README.md'));
  await expect(extract(['README.md', 'docs'])).rejects.toMatchObject({ code: 'environment', problems: [{ where: 'README.md', found: 'a symbolic link' }] });
  expect([await readdir(elsewhere), await readdir(to)]).toEqual([[], ['README.md']]);
  await rm(elsewhere, { recursive: true });
});

test('a file that is there is replaced, a folder in its place is not', async () => {
  await writeFile(join(to, 'README.md'), 'old');
  await extract(['README.md']);
  expect(await readFile(join(to, 'README.md'), 'utf8')).toBe('# Tiny\n');
  await rm(join(to, 'README.md'));
  await mkdir(join(to, 'README.md'));
  await expect(extract(['README.md'])).rejects.toMatchObject({ code: 'environment' });
});

test('standard input cannot be read twice, and it says so', async () => {
  await expect(extract([], to, { ...opened, bytes: null })).rejects.toMatchObject({ code: 'usage' });
});
