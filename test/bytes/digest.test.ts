import { expect, test } from 'vitest';
import { digestOf, sha256Bytes, sha256Hex } from '../../src/bytes/digest.ts';

test('the three forms of a digest are of the same hash, that of FIPS 180-2 for "abc"', () => {
  const hex = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(sha256Hex('abc')).toBe(hex);
  expect(digestOf('abc')).toBe(`sha256:${hex}`);
  expect(Buffer.from(sha256Bytes(Buffer.from('abc'))).toString('hex')).toBe(hex);
});
