/**
 * The seek table at a kit's end, rendered from the frames before it (zstd seekable format 0.1.0). It is written and
 * checked by this one function: a reader renders what the table must be and compares all bytes.
 */
import { seekTable, type SeekRow } from '../contract/zstd-seekable.ts';

/** The whole skippable frame, its header included. */
export function renderSeekTable(rows: readonly SeekRow[]): Buffer {
  const contentBytes = rows.length * seekTable.rowBytes + seekTable.footerBytes;
  const table = Buffer.alloc(seekTable.headerBytes + contentBytes);
  let at = table.writeUInt32LE(seekTable.skippableMagic, 0);
  at = table.writeUInt32LE(contentBytes, at);
  for (const row of rows) {
    at = table.writeUInt32LE(row.compressed, at);
    at = table.writeUInt32LE(row.decompressed, at);
  }
  at = table.writeUInt32LE(rows.length, at);
  at = table.writeUInt8(seekTable.descriptor, at);
  table.writeUInt32LE(seekTable.footerMagic, at);
  return table;
}
