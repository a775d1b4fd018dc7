/** A file's digest is the same by a thread of its own as without one. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { FileDigest } from '../../src/kit/file-digest.ts';

const large = 1024 ** 3;
const bytes = randomBytes(6 * 1024 * 1024 + 7);

function digestOf(pieces: readonly Uint8Array[], fileBytes: number | null): { sha256: string | null; bytes: number } {
  const file = new FileDigest(fileBytes);
  for (const piece of pieces) file.add(piece);
  expect(file.sha256).toBeNull();
  file.finish();
  file.close();
  return { sha256: file.sha256, bytes: file.bytes };
}

describe.each([['a file of unknown size', null], ['a small one', 1], ['a large one, by a thread', large]])('%s', (_, fileBytes) => {
  test.each([1, 1000, 512 * 1024, 512 * 1024 + 1, 3 * 1024 * 1024])('in pieces of %d bytes', (size) => {
    const content = bytes.subarray(0, Math.min(bytes.length, size * 20));
    const pieces = Array.from({ length: Math.ceil(content.length / size) }, (__, index) => content.subarray(index * size, (index + 1) * size));
    expect(digestOf(pieces, fileBytes)).toEqual({ sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length });
  });

  test('of nothing', () => {
    expect(digestOf([], fileBytes).sha256).toBe(createHash('sha256').digest('hex'));
    // A piece of nothing is not the end.
    expect(digestOf([new Uint8Array(0), Buffer.from('x')], fileBytes).sha256).toBe(createHash('sha256').update('x').digest('hex'));
  });

  test('whose buffer is used again at once', () => {
    const buffer = Buffer.alloc(300_000);
    const file = new FileDigest(fileBytes);
    const hash = createHash('sha256');
    for (let turn = 0; turn < 30; turn++) {
      file.add(buffer.fill(turn));
      hash.update(buffer);
    }
    expect(file.finish()).toEqual(hash.digest());
    file.close();
  });
});

test('a thread ends when its file is not read to the end', () => {
  const file = new FileDigest(large);
  file.add(bytes);
  file.close();
  expect(file.sha256).toBeNull();
});

test('a thread that is woken for nothing sleeps on', async () => {
  const notify = vi.spyOn(Atomics, 'notify');
  const file = new FileDigest(large);
  file.add(bytes.subarray(0, 1000));
  const [numbers] = notify.mock.calls[0] as unknown as [Int32Array];
  notify.mockRestore();
  for (let turn = 0; turn < 10; turn++) {
    await setTimeout(10);
    for (const index of numbers.keys()) Atomics.notify(numbers, index);
  }
  file.add(bytes.subarray(1000, 2000));
  expect(file.finish()).toEqual(createHash('sha256').update(bytes.subarray(0, 2000)).digest());
  file.close();
});
