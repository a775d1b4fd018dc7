/** What may be done to the compressed file: frames (RFC 8878), seek table, its end; bombs among them. */
import { constants } from 'node:zlib';
import { renderSeekTable } from '../../../src/bytes/seek-table.ts';
import { kitLimits } from '../../../src/contract/kit-format.ts';
import { compress, frame, type SealedKit } from '../sealed-kit.ts';
import type { Tampering } from './tamper-cases.ts';
import { placesOf, rangeOf } from './zstd-places.ts';
import { block, frameOf } from '../../bytes/zstd-frame-by-hand.ts';

function withTable(frames: readonly { readonly bytes: Buffer; readonly content: number }[]): Buffer {
  return Buffer.concat([...frames.map(({ bytes }) => bytes), renderSeekTable(frames.map(({ bytes, content }) => ({ compressed: bytes.length, decompressed: content })))]);
}

/** The sound archive in one frame that zstd allows, with a table that is right. */
function inFrame(tar: Buffer, params: Record<number, number>, change: (frame: Buffer) => Buffer = (bytes) => bytes): Buffer {
  return withTable([{ bytes: change(compress(tar, params)), content: tar.length }]);
}

/** The sound kit, with a frame in front of it. */
function after(bytes: Buffer): (kit: Buffer) => Buffer {
  return (kit) => Buffer.concat([bytes, kit]);
}

export function fileTampering({ tar, bytes }: SealedKit): Tampering[] {
  const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants;
  const table = rangeOf(bytes, 'seek table');
  const flip = (at: number, mask = 0xff) => (kit: Buffer): Buffer => {
    kit[at]! ^= mask;
    return kit;
  };
  const firstOf = (what: string): number => placesOf(bytes).find((place) => place.what === what)!.from;
  return [
    { region: 'frame', what: 'another magic', bytes: flip(0) },
    { region: 'frame', what: 'a skippable frame in front', bytes: after(Buffer.from('502a4d1804000000aaaaaaaa', 'hex')) },
    { region: 'frame', what: 'another checksum', bytes: flip(firstOf('checksum')) },
    { region: 'frame', what: 'another content size', bytes: flip(firstOf('content size'), 1) },
    { region: 'frame', what: 'no checksum', bytes: () => inFrame(tar, { [ZSTD_c_checksumFlag]: 0 }) },
    { region: 'frame', what: 'no content size', bytes: () => inFrame(tar, { [ZSTD_c_contentSizeFlag]: 0 }) },
    // Read on as if it were allowed, each of these would be refused for another reason: that it claims too much, or ends.
    { region: 'frame', what: 'another magic before a claim', bytes: () => Buffer.from('50425f00e4ffffffffffffffff', 'hex') },
    { region: 'frame', what: 'no checksum, and then the end', bytes: () => compress(tar, { [ZSTD_c_checksumFlag]: 0 }) },
    { region: 'frame', what: 'no content size before a claim', bytes: () => Buffer.from('28b52ffd04ff', 'hex') },
    { region: 'frame', what: 'a dictionary before a claim', bytes: () => Buffer.from('28b52ffda5ffffffffff', 'hex') },
    { region: 'frame', what: 'an unused bit before a claim', bytes: () => Buffer.from('28b52ffdb4ffffffffff', 'hex') },
    { region: 'frame', what: 'a frame of nothing, and then the end', bytes: () => Buffer.from('28b52ffd2400', 'hex') },
    { region: 'frame', what: 'a block of the reserved type, and then the end', bytes: () => frameOf(10, block(3, 10, true, Buffer.alloc(0))).subarray(0, -4) },
    { region: 'frame', what: 'blocks that are not worth their headers', bytes: after(frameOf(10, Buffer.concat(Array.from({ length: 200 }, () => block(0, 0, false, Buffer.alloc(0)))))) },
    { region: 'frame', what: 'a block larger than its frame, and then the end', bytes: () => frameOf(10, block(0, 100_000, true, Buffer.alloc(0))) },
    { region: 'frame', what: 'content shorter than it says', bytes: after(frameOf(10, block(0, 9, true, Buffer.alloc(9)))) },
    { region: 'frame', what: 'content longer than it says', bytes: after(frameOf(10, block(0, 11, true, Buffer.alloc(11)))) },
    { region: 'frame size', what: 'a claim of more than a frame may hold', bytes: after(frameOf(kitLimits.frameBytesMax + 1, Buffer.alloc(0))) },
    { region: 'frame size', what: 'a claim in eight bytes', bytes: after(Buffer.concat([Buffer.from('28b52ffde4', 'hex'), Buffer.alloc(8, 0xff)])) },
    { region: 'frame size', what: 'a window beyond the limit', bytes: after(Buffer.from('28b52ffd8470ff000000', 'hex')) },
    { region: 'frame size', what: 'content hundreds of times its size', bytes: after(compress(Buffer.alloc(kitLimits.frameBytesMax))) },
    { region: 'frame size', what: 'more frames than a kit may have', bytes: () => frame(tar, Math.floor(tar.length / 70)), lowered: true },
    { region: 'seek table', what: 'another size of a frame', bytes: flip(table.from + 4) },
    { region: 'seek table', what: 'another number of frames', bytes: flip(table.to - 9) },
    { region: 'seek table', what: 'another magic at its end', bytes: flip(table.to - 1) },
    { region: 'seek table', what: 'a frame that it does not have', bytes: (kit) => Buffer.concat([withoutTable(kit), renderSeekTable([])]) },
    { region: 'end of the file', what: 'a byte more', bytes: (kit) => Buffer.concat([kit, Buffer.of(0)]) },
    { region: 'end of the file', what: 'a second table', bytes: (kit) => Buffer.concat([kit, kit.subarray(table.from - 4)]) },
    { region: 'end of the file', what: 'a second kit', bytes: (kit) => Buffer.concat([kit, kit]) },
    { region: 'cut file', what: 'one byte less', bytes: (kit) => kit.subarray(0, -1) },
    { region: 'cut file', what: 'half of it', bytes: (kit) => kit.subarray(0, kit.length / 2) },
    { region: 'cut file', what: 'no seek table', bytes: withoutTable },
    { region: 'cut file', what: 'nothing', bytes: () => Buffer.alloc(0) },
    { region: 'compressed otherwise', what: 'the same archive in other frames', bytes: () => frame(tar) },
  ];
}

function withoutTable(kit: Buffer): Buffer {
  return kit.subarray(0, rangeOf(kit, 'seek table').from - 4);
}

/** Bytes that do not compress, the same each time. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
