import { gunzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { expect, test } from 'vitest';
import { packFolder } from '../../../src/kit/artifacts/pack-folder.ts';

const files = new Map([['b/c.yaml', Buffer.from('c: 1\n')], ['a.yaml', Buffer.alloc(1000, 'a')], ['b.yaml', Buffer.alloc(0)]]);

test('a folder comes back from gzip and tar, sorted, with one time and nobody for an owner', async () => {
  const reading = extract();
  const found: [string, string, number, number, number][] = [];
  Readable.from([gunzipSync(packFolder(files, 1_767_323_045))]).pipe(reading);
  for await (const entry of reading as AsyncIterable<AsyncIterable<Uint8Array> & { header: Header }>) {
    const { name, mtime, uid, mode } = entry.header;
    found.push([name, (await buffer(entry)).toString(), mtime!.getTime() / 1000, uid ?? -1, mode ?? -1]);
  }
  expect(found).toEqual([['a.yaml', 'a'.repeat(1000), 1_767_323_045, 0, 0o644], ['b.yaml', '', 1_767_323_045, 0, 0o644], ['b/c.yaml', 'c: 1\n', 1_767_323_045, 0, 0o644]]);
});

test('the order in which files were found changes nothing; a name, a byte or the time does', () => {
  const packed = packFolder(files, 5);
  expect(packFolder(new Map([...files].toReversed()), 5).equals(packed)).toBe(true);
  expect(packFolder(files, 6).equals(packed)).toBe(false);
  expect(packFolder(new Map([...files, ['a.yaml', Buffer.from('b')]]), 5).equals(packed)).toBe(false);
});
