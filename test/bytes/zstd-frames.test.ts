/** Frames and seek tables that a kit must not have, each for its own reason; bombs among them. */
import { constants } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { renderSeekTable } from '../../src/bytes/seek-table.ts';
import { readZstdFrames, type FrameLimits } from '../../src/bytes/zstd-frames.ts';
import { kitLimits } from '../../src/contract/kit-format.ts';
import { chunksOf, compress, frame } from '../kit/sealed-kit.ts';
import { block, frameOf } from './zstd-frame-by-hand.ts';

async function read(bytes: Buffer, limits: Partial<FrameLimits> = {}): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of readZstdFrames(new ByteReader('kit', chunksOf(bytes, 7)), { ...kitLimits, ...limits })) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

function withTable(...frames: { bytes: Buffer; decompressed: number }[]): Buffer {
  return Buffer.concat([...frames.map(({ bytes }) => bytes), renderSeekTable(frames.map(({ bytes, decompressed }) => ({ compressed: bytes.length, decompressed })))]);
}

const words = 'the quick brown fox jumps over the lazy dog. '.repeat(50);

test('the frames of a kit come out as they went in, whatever the chunks', async () => {
  expect(await read(frame(Buffer.from(words), 1000))).toBe(words);
});

describe('frames that zstd allows and a kit does not', () => {
  const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants;
  const spoilt = compress(Buffer.from(words));
  spoilt[4]! |= 0x10;

  test.each([
    ['without a checksum', 'a frame with a checksum', compress(Buffer.from(words), { [ZSTD_c_checksumFlag]: 0 })],
    ['without a content size', 'a frame with its content size', compress(Buffer.from(words), { [ZSTD_c_contentSizeFlag]: 0 })],
    ['that needs a dictionary', 'a frame that needs no dictionary', frameOf(10, block(0, 10, true, Buffer.alloc(10)), 0xa5)],
    ['with an unused bit set', 'unused bits of the frame header to be zero', spoilt],
    ['with a reserved block', 'a block of a known type', frameOf(10, block(3, 10, true, Buffer.alloc(10)))],
    ['of nothing', 'a frame with content', frameOf(0, block(0, 0, true, Buffer.alloc(0)))],
    ['whose content is shorter than it says', 'a frame that can be decompressed', frameOf(10, block(0, 9, true, Buffer.alloc(9)))],
    ['whose content is longer than it says', 'a frame that can be decompressed', frameOf(10, block(0, 11, true, Buffer.alloc(11)))],
    ['with more blocks than its content is worth', 'blocks that are worth their headers', frameOf(10, Buffer.concat(Array.from({ length: 200 }, () => block(0, 0, false, Buffer.alloc(0)))))],
    ['that is no frame', 'a zstd frame or the seek table', Buffer.from('PK\x03\x04 and so on')],
  ])('a frame %s is refused', async (_, expected, bytes) => {
    await expect(read(withTable({ bytes, decompressed: 10 }))).rejects.toMatchObject({ code: 'kit.compression-invalid', problems: [{ expected }] });
  });
});

describe('bombs', () => {
  test('a frame that claims more than a frame may hold is refused before it is read', async () => {
    const claim = frameOf(kitLimits.frameBytesMax + 1, Buffer.alloc(0));
    await expect(read(claim)).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
  });

  test('a claim in eight bytes is refused as well', async () => {
    const header = Buffer.alloc(13, 0xff);
    header.writeUInt32LE(0xfd2fb528);
    header.writeUInt8(0xe4, 4);
    await expect(read(header)).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
  });

  test('a window beyond 8 MiB is refused before it is read', async () => {
    const header = Buffer.alloc(10);
    header.writeUInt32LE(0xfd2fb528);
    header.writeUInt8(0x84, 4);
    header.writeUInt8((14 << 3) | 0, 5);
    await expect(read(header)).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
  });

  test('content that is hundreds of times its size is refused before it is decompressed', async () => {
    const zeros = Buffer.alloc(kitLimits.frameBytesMax);
    const bytes = compress(zeros);
    expect(zeros.length / bytes.length).toBeGreaterThan(kitLimits.ratioMax);
    await expect(read(withTable({ bytes, decompressed: zeros.length }))).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
  });

  test('many frames, and frames that are too much together, are refused', async () => {
    const many = frame(Buffer.from(words), 10);
    await expect(read(many, { framesMax: 100 })).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
    await expect(read(many, { totalBytesMax: 1000 })).rejects.toMatchObject({ code: 'kit.limit-exceeded' });
  });
});

describe('the seek table', () => {
  const bytes = compress(Buffer.from(words));

  test.each([
    ['another size', { compressed: bytes.length, decompressed: words.length + 1 }],
    ['another length', { compressed: bytes.length + 1, decompressed: words.length }],
  ])('one that gives a frame %s is refused', async (_, row) => {
    await expect(read(Buffer.concat([bytes, renderSeekTable([row])]))).rejects.toMatchObject({ code: 'kit.seek-table-invalid' });
  });

  test('one that leaves a frame out, or invents one, is refused', async () => {
    const row = { compressed: bytes.length, decompressed: words.length };
    await expect(read(Buffer.concat([bytes, renderSeekTable([])]))).rejects.toMatchObject({ code: 'kit.seek-table-invalid' });
    await expect(read(Buffer.concat([bytes, renderSeekTable([row, row])]))).rejects.toMatchObject({ code: 'kit.seek-table-invalid' });
  });

  test('none is a truncated kit', async () => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'kit.truncated' });
  });

  test('two, or a frame after it, are refused', async () => {
    const whole = frame(Buffer.from(words));
    const table = renderSeekTable([{ compressed: bytes.length, decompressed: words.length }]);
    await expect(read(Buffer.concat([whole, table]))).rejects.toMatchObject({ code: 'kit.trailing-bytes' });
    await expect(read(Buffer.concat([whole, bytes]))).rejects.toMatchObject({ code: 'kit.trailing-bytes' });
  });

  test('another skippable frame in front is refused', async () => {
    const skippable = Buffer.from('502a4d1804000000aaaaaaaa', 'hex');
    await expect(read(Buffer.concat([skippable, frame(Buffer.from(words))]))).rejects.toMatchObject({ code: 'kit.compression-invalid' });
  });
});
