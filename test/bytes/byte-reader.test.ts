import { expect, test } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';

async function* give(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test('exact lengths are read across chunks, empty ones too', async () => {
  const reader = new ByteReader('kit', give('ab', '', 'cde', 'f'));
  const target = Buffer.alloc(4);
  await reader.fill(target);
  expect(target.toString()).toBe('abcd');
  expect(reader.position).toBe(4);
});

test('what is taken is no longer than asked for, and never empty', async () => {
  const reader = new ByteReader('kit', give('', 'abc', 'd'));
  expect(Buffer.from(await reader.take(2)).toString()).toBe('ab');
  expect(Buffer.from(await reader.take(9)).toString()).toBe('c');
  expect(Buffer.from(await reader.take(9)).toString()).toBe('d');
});

test('every chunk is shown once, as it arrives', async () => {
  const seen: string[] = [];
  const reader = new ByteReader('kit', give('abc', 'de'), (chunk) => seen.push(Buffer.from(chunk).toString()));
  await reader.take(1);
  expect(seen).toEqual(['abc']);
  await reader.fill(Buffer.alloc(4));
  expect(seen).toEqual(['abc', 'de']);
});

test('a stream that ends too early is truncated, and the message says where', async () => {
  const reader = new ByteReader('kit', give('abc'));
  await expect(reader.fill(Buffer.alloc(4))).rejects.toMatchObject({ code: 'kit.truncated', message: 'kit, byte 3: expected more bytes, found the end.' });
});

test('closing it early ends the source', async () => {
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from('abc');
      yield Buffer.from('def');
    } finally {
      closed = true;
    }
  }
  const reader = new ByteReader('kit', source());
  await reader.take(1);
  await reader.close();
  expect(closed).toBe(true);
});
