import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openKit } from '../../src/kit/open-kit.ts';

let folder: string;
let path: string;
const content = Buffer.alloc(3_000_000, 'kit');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-kit-'));
  path = join(folder, 'tiny-1.tar.zst');
  await writeFile(path, content);
  await writeFile(`${path}.sig`, 'signature');
});
afterAll(() => rm(folder, { recursive: true }));

test('a kit comes with the signatures that lie beside it, and can be read again and again', async () => {
  const kit = await openKit(path);
  expect(kit).toMatchObject({ bytes: content.length, signatures: { signature: 'signature', bundle: null } });
  for (let pass = 0; pass < 2; pass++) {
    const pieces: Buffer[] = [];
    for await (const chunk of kit.stream()) pieces.push(Buffer.from(chunk));
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
  }
});

test('signatures may lie elsewhere, and then must be there', async () => {
  expect((await openKit(path, { bundle: `${path}.sig` })).signatures.bundle).toBe('signature');
  await expect(openKit(path, { bundle: join(folder, 'none') })).rejects.toMatchObject({ code: 'environment', exitCode: 3 });
});

test('standard input has nothing beside it', async () => {
  expect(await openKit('-')).toMatchObject({ bytes: null, signatures: { signature: null, bundle: null } });
});

test('a kit that is not there, and one that is a folder, are errors of the environment', async () => {
  await expect(openKit(join(folder, 'none'))).rejects.toMatchObject({ code: 'environment' });
  const kit = await openKit(folder);
  await expect(buffer(kit.stream() as never)).rejects.toMatchObject({ code: 'environment' });
});

test('a signature file beyond the limit is not read', async () => {
  await writeFile(join(folder, 'large'), Buffer.alloc(100_000));
  await expect(openKit(path, { signature: join(folder, 'large') })).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
});
