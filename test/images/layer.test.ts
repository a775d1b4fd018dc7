import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/bytes/digest.ts';
import { contentBytes, writeLayer, type LayerEntry } from '../../src/images/layer.ts';
import { untar } from './fake-inputs.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'images-test-')); });
afterAll(async () => { await rm(folder, { recursive: true }); });

const entries: LayerEntry[] = [
  { type: 'file', path: 'usr/a', mode: 0o644, content: Buffer.from('a') },
  { type: 'file', path: 'usr-b', mode: 0o755, content: Buffer.from('b') },
  { type: 'symlink', path: 'c', target: 'usr/a' },
  { type: 'directory', path: 'usr', mode: 0o700 },
];

describe('a layer', () => {
  it('says the digest, size and inner digest of what it wrote', async () => {
    const layer = await writeLayer(entries, join(folder, 'one'), 0);
    const bytes = readFileSync(join(folder, 'one'));
    expect(layer).toEqual({ digest: digestOf(bytes), size: bytes.length, diffId: digestOf(gunzipSync(bytes)) });
  });

  it('has its entries sorted, owned by root, at one time, with the modes given', async () => {
    await writeLayer(entries, join(folder, 'two'), 1_000_000_000);
    const found = await untar(readFileSync(join(folder, 'two')));
    expect([...found.keys()]).toEqual(['c', 'usr/', 'usr-b', 'usr/a']);
    for (const header of found.values()) expect(header).toMatchObject({ uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(1_000_000_000_000) });
    expect([...found.values()].map(({ mode }) => mode)).toEqual([0o777, 0o700, 0o755, 0o644]);
  });

  it('does not depend on the order of the entries, nor on whether a file comes from memory or disk', async () => {
    const big = Buffer.alloc(700_000, 'text that repeats, ');
    await writeFile(join(folder, 'big'), big);
    const memory: LayerEntry = { type: 'file', path: 'big', mode: 0o644, content: big };
    const disk: LayerEntry = { ...memory, content: { file: join(folder, 'big'), size: big.length } };
    expect(await writeLayer([disk, ...entries], join(folder, 'four'), 0)).toEqual(await writeLayer([...entries.toReversed(), memory], join(folder, 'three'), 0));
    expect(contentBytes([disk, ...entries])).toBe(700_002);
  });

  it('keeps a path that is too long for plain ustar', async () => {
    const path = `usr/${'long-'.repeat(60)}name`;
    await writeLayer([{ type: 'file', path, mode: 0o644, content: Buffer.from('x') }], join(folder, 'five'), 0);
    expect((await untar(readFileSync(join(folder, 'five')))).get(path)?.text).toBe('x');
  });

  it('refuses a path given twice and one below a link', async () => {
    await expect(writeLayer([...entries, entries[0]!], join(folder, 'six'), 0)).rejects.toMatchObject({ code: 'internal' });
    await expect(writeLayer([...entries, { type: 'directory', path: 'c/d', mode: 0o755 }], join(folder, 'seven'), 0)).rejects.toThrow('c/d lies below c, which is a symlink');
  });

  it('fails when a file has another size than was said', async () => {
    await writeFile(join(folder, 'small'), 'xy');
    await expect(writeLayer([{ type: 'file', path: 'small', mode: 0o644, content: { file: join(folder, 'small'), size: 3 } }], join(folder, 'eight'), 0)).rejects.toThrow();
  });

  it('fails when a file is not there', async () => {
    await expect(writeLayer([{ type: 'file', path: 'none', mode: 0o644, content: { file: join(folder, 'none'), size: 3 } }], join(folder, 'nine'), 0)).rejects.toThrow('ENOENT');
  });
});
