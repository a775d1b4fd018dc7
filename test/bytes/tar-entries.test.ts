/** Archives that tar programs read and a kit must not be, made by tar-stream where that can. */
import { buffer } from 'node:stream/consumers';
import { pack, type Header } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { readTarEntries, type TarLimits } from '../../src/bytes/tar-entries.ts';
import { renderTarHeader, tarEnd } from '../../src/bytes/ustar.ts';
import { kitHead, kitLimits } from '../../src/contract/kit-format.ts';
import { chunksOf, tarOf } from '../kit/sealed-kit.ts';

const head = kitHead.map((path) => ({ path, bytes: Buffer.from(path) }));

async function list(tar: Buffer, limits: TarLimits = kitLimits): Promise<string[]> {
  const found: string[] = [];
  for await (const { path, content } of readTarEntries(new ByteReader('archive', chunksOf(tar, 100)), limits)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(Buffer.from(piece));
    found.push(`${path}=${Buffer.concat(pieces).toString()}`);
  }
  return found;
}

/** An archive whose head is right, with one more header in front of the end. */
function withHeader(header: Uint8Array, content = Buffer.alloc(0)): Buffer {
  return Buffer.concat([tarOf(head).subarray(0, -tarEnd.length), header, content, tarEnd]);
}

/** A header of the kit's form with some bytes changed and its checksum right again. */
function changed(changes: readonly [offset: number, text: string][], path = 'zz'): Buffer {
  const block = Buffer.from(renderTarHeader({ path, size: 0, mtime: 1_767_323_045 }));
  for (const [offset, text] of changes) block.write(text, offset, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

type EntryHeader = Partial<Header> & { name: string };

async function tarStream(...entries: EntryHeader[]): Promise<Buffer> {
  const archive = pack();
  for (const entry of entries) archive.entry(entry as Header, entry.size === undefined ? '' : 'x'.repeat(entry.size));
  archive.finalize();
  return buffer(archive);
}

test('entries come in order, each with its content', async () => {
  expect(await list(tarOf([...head, { path: 'a', bytes: Buffer.from('1') }, { path: 'b/c', bytes: Buffer.alloc(0) }]))).toEqual([...kitHead.map((path) => `${path}=${path}`), 'a=1', 'b/c=']);
});

test('content that nobody reads, or not to its end, is skipped', async () => {
  const tar = tarOf([...head, { path: 'a', bytes: Buffer.alloc(5000, 'x') }, { path: 'b', bytes: Buffer.from('y') }]);
  const found: string[] = [];
  for await (const { path, content } of readTarEntries(new ByteReader('archive', chunksOf(tar, 100)), kitLimits)) {
    found.push(path);
    if (path === 'a') for await (const _ of content) break;
  }
  expect(found).toEqual([...kitHead, 'a', 'b']);
});

describe('entries that are no regular files of a kit', () => {
  test.each<[string, [number, string][]]>([
    ['a hard link', [[156, '1'], [157, 'index.json']]],
    ['a symbolic link', [[156, '2'], [157, '../../etc/passwd']]],
    ['a character device', [[156, '3']]],
    ['a folder', [[156, '5']]],
    ['a FIFO', [[156, '6']]],
    ['a PAX header', [[156, 'x']]],
    ['a global PAX header', [[156, 'g']]],
    ['a GNU long name', [[156, 'L']]],
    ['a sparse file', [[156, 'S']]],
    ['a file of the old kind', [[156, '\0']]],
    ['an executable', [[100, '0000755']]],
    ['a file with an owner', [[108, '0001750']]],
    ['a file with an owner by name', [[265, 'root']]],
    ['a file of another time', [[136, '00000000001']]],
    ['a file with a prefix', [[345, 'prefix']]],
    ['a file of the GNU format', [[257, 'ustar  \0']]],
    ['a size in base 256', [[124, '\x80\0\0\0\0\0\0\0\0\0\0\0']]],
    ['a size with spaces', [[124, '          0\0']]],
    ['something in the unused bytes', [[510, 'x']]],
  ])('%s is refused', async (_, changes) => {
    await expect(list(withHeader(changed(changes)))).rejects.toMatchObject({ code: 'kit.archive-invalid' });
  });

  test('what is changed is nothing but what the test says', async () => {
    expect(await list(withHeader(changed([])))).toHaveLength(5);
  });
});

test.each(['../etc/passwd', '/etc/passwd', 'a/../b', './a', 'a//b', 'a/', 'a/.', '..', 'a\\b', 'a b', 'é', '\x1b[31m', ''])('the name %j is refused', async (name) => {
  const header = changed([[0, `${name}\0\0`]]);
  await expect(list(withHeader(header))).rejects.toMatchObject({ code: 'kit.archive-invalid' });
});

test.each<[string, EntryHeader[]]>([
  ['with folders', [{ name: 'offline-manifest.json/', type: 'directory' }]],
  ['with PAX headers', [{ name: 'offline-manifest.json', size: 1, pax: { comment: 'x' } }]],
  ['with links', [{ name: 'offline-manifest.json', type: 'symlink', linkname: '/etc/passwd' }]],
  ['of today', [{ name: 'offline-manifest.json', size: 1, mode: 0o600 }]],
])('an archive of tar-stream %s is refused', async (_, entries) => {
  await expect(list(await tarStream(...entries))).rejects.toMatchObject({ code: 'kit.archive-invalid' });
});

function file(path: string): { path: string; bytes: Buffer } {
  return { path, bytes: Buffer.alloc(0) };
}

describe('order and end', () => {
  test.each([
    ['the head in another order', [head[1]!, head[0]!, ...head.slice(2)]],
    ['a file in the head', [...head.slice(0, 2), file('a'), ...head.slice(2)]],
    ['two files out of order', [...head, file('b'), file('a')]],
    ['a file twice', [...head, file('a'), file('a')]],
    ['a file of the head twice', [...head, file('index.json')]],
  ])('%s is refused', async (_, entries) => {
    await expect(list(tarOf(entries))).rejects.toMatchObject({ code: 'kit.archive-invalid' });
  });

  test('padding that is not zero is refused', async () => {
    const tar = tarOf(head);
    tar[512 + head[0]!.bytes.length] = 1;
    await expect(list(tar)).rejects.toMatchObject({ code: 'kit.archive-invalid' });
  });

  test('one zero block is no end, and three are too many', async () => {
    const entries = tarOf(head).subarray(0, -tarEnd.length);
    await expect(list(Buffer.concat([entries, Buffer.alloc(512)]))).rejects.toMatchObject({ code: 'kit.truncated' });
    await expect(list(Buffer.concat([entries, Buffer.alloc(512), changed([])]))).rejects.toMatchObject({ code: 'kit.archive-invalid' });
    await expect(list(Buffer.concat([entries, Buffer.alloc(1536)]))).rejects.toMatchObject({ code: 'kit.trailing-bytes' });
  });

  test('more entries, or larger ones, than a kit may have are refused', async () => {
    await expect(list(tarOf([...head, file('a')]), { ...kitLimits, entriesMax: 4 })).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
    await expect(list(tarOf(head), { ...kitLimits, entryBytesMax: 5 })).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
  });
});
