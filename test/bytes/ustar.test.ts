import { extract } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { renderTarHeader, tarBlockBytes, tarEnd, tarPadding } from '../../src/bytes/ustar.ts';

describe('tar headers', () => {
  test('are read by tar-stream with every field as it was meant', async () => {
    const path = 'a'.repeat(100);
    const reader = extract();
    reader.end(Buffer.concat([renderTarHeader({ path, size: 3, mtime: 1_767_323_045 }), Buffer.from('abc'), Buffer.alloc(tarPadding(3)), tarEnd]));
    const headers = [];
    for await (const entry of reader) {
      headers.push(entry.header);
      entry.resume();
    }
    expect(headers).toEqual([
      expect.objectContaining({ name: path, size: 3, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', type: 'file', linkname: null, pax: null, mtime: new Date(1_767_323_045_000) }),
    ]);
  });

  test('hold the largest size that ustar can', () => {
    expect(Buffer.from(renderTarHeader({ path: 'a', size: 8 ** 11 - 1, mtime: 0 })).toString('latin1', 124, 136)).toBe('77777777777\0');
  });

  test.each([
    ['a path of 101 bytes', { path: 'a'.repeat(101), size: 0, mtime: 0 }],
    ['an empty path', { path: '', size: 0, mtime: 0 }],
    ['a path that is not ASCII', { path: 'é', size: 0, mtime: 0 }],
    ['a size of 8 GiB', { path: 'a', size: 8 ** 11, mtime: 0 }],
    ['a time before 1970', { path: 'a', size: 0, mtime: -1 }],
    ['half a second', { path: 'a', size: 0, mtime: 0.5 }],
  ])('refuse %s', (_name, header) => {
    expect(() => renderTarHeader(header)).toThrow(/^tar: /);
  });

  test('are followed by padding up to the next block', () => {
    expect([0, 1, 511, 512, 513].map((size) => size + tarPadding(size))).toEqual([0, tarBlockBytes, tarBlockBytes, tarBlockBytes, 2 * tarBlockBytes]);
  });
});
