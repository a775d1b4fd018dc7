/**
 * The seek table at the end of a kit: a zstd skippable frame as the zstd seekable format 0.1.0 has it.
 * All numbers are little-endian. No checksums in it: each frame ends with its own.
 */
export const seekTable = {
  /** Magic of the skippable frame that holds the table; then the length of what follows, u32. */
  skippableMagic: 0x184d2a5e,
  /** A row a frame: compressed size u32, decompressed size u32. */
  rowBytes: 8,
  /** Footer: number of frames u32, this descriptor byte (bit 7 would announce checksums), magic u32. */
  descriptor: 0x00,
  footerMagic: 0x8f92eab1,
  headerBytes: 8,
  footerBytes: 9,
} as const;

export interface SeekRow {
  /** Bytes of the frame in the file. */
  readonly compressed: number;
  /** Bytes that it holds. */
  readonly decompressed: number;
}
