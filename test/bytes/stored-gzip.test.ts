import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { storedGzip } from '../../src/bytes/stored-gzip.ts';

test.each([0, 1, 0xfffe, 0xffff, 0x10000, 2 * 0xffff, 200_000])('%i bytes come back from any gunzip', (size) => {
  const content = Buffer.alloc(size, 'zastava');
  expect(gunzipSync(storedGzip(content)).equals(content)).toBe(true);
});

test('so do any bytes, and nothing else is in it but 10 bytes before, 5 a block and 8 after', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 70_000 }), (content) => {
    const packed = storedGzip(content);
    expect(gunzipSync(packed).equals(Buffer.from(content))).toBe(true);
    expect(packed.length).toBe(18 + 5 * Math.max(1, Math.ceil(content.length / 0xffff)) + content.length);
  }), { numRuns: 50 });
});

test('the bytes are these, whatever the version of zlib', () => {
  expect(storedGzip(Buffer.from('a')).toString('hex')).toBe('1f8b08000000000000ff010100feff6143beb7e801000000');
});
