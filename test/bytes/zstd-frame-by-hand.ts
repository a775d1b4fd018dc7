/** Zstd frames that no encoder writes (RFC 8878, sections 3.1.1 and 3.1.1.2): for what a reader must refuse. */

/** A frame by hand: single segment, checksum, a content size of four bytes, then blocks. */
export function frameOf(contentBytes: number, blocks: Buffer, descriptor = 0xa4): Buffer {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528);
  header.writeUInt8(descriptor, 4);
  header.writeUInt32LE(contentBytes, 5);
  return Buffer.concat([header, blocks, Buffer.alloc(4)]);
}

/** `type`: 0 raw, 1 repeated, 2 compressed, 3 reserved; `size` in bytes, as its header says. */
export function block(type: number, size: number, last: boolean, content: Buffer): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return Buffer.concat([header, content]);
}
