/**
 * Gzip (RFC 1952) whose content is stored, not compressed: the bytes depend on the content alone and on no version of
 * zlib, so that a digest over them can be computed anew by whoever has the content.
 */
import { crc32 } from 'node:zlib';

/** Of a stored block of deflate (RFC 1951, 3.2.4): its length has 16 bits. */
const blockBytesMax = 0xffff;

/** No file name, no time, no operating system. */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

export function storedGzip(content: Uint8Array): Buffer {
  const pieces: Uint8Array[] = [header];
  for (let at = 0, last = false; !last; at += blockBytesMax) {
    const block = content.subarray(at, at + blockBytesMax);
    last = at + blockBytesMax >= content.length;
    const head = Buffer.alloc(5);
    head.writeUInt8(last ? 1 : 0, 0);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(block.length ^ 0xffff, 3);
    pieces.push(head, block);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length % 2 ** 32, 4);
  return Buffer.concat([...pieces, trailer]);
}
