/**
 * The tar headers of a kit: POSIX ustar, regular files only, no owner, one mode. Two headers of the same path, size and
 * time are the same bytes, and there is no second way to write one: a reader may compare with what is rendered here.
 */
import { ZastavaError } from '../contract/errors.ts';
import { kitLimits } from '../contract/kit-format.ts';

/** Headers and file contents fill whole blocks. */
export const tarBlockBytes = 512;

/** An archive ends with two zero blocks, and nothing after them. */
export const tarEnd: Uint8Array = new Uint8Array(2 * tarBlockBytes);

export interface TarHeader {
  /** At most 100 bytes of ASCII; there is no prefix field. */
  readonly path: string;
  /** Bytes; below 8 GiB, since the field has 11 octal digits. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Zero bytes after `size` bytes of content, up to the next block. */
export function tarPadding(size: number): number {
  return (tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes;
}

/** One block of 512 bytes. What the format cannot hold is refused with `internal`: callers check their input first. */
export function renderTarHeader({ path, size, mtime }: TarHeader): Uint8Array {
  const block = Buffer.alloc(tarBlockBytes);
  const name = Buffer.from(path, 'latin1');
  if (!/^[\x21-\x7e]+$/.test(path) || name.length > kitLimits.pathBytesMax) {
    throw new ZastavaError('internal', `tar: the path ${JSON.stringify(path)} is not 1 to ${kitLimits.pathBytesMax} visible ASCII characters.`);
  }
  name.copy(block, 0);
  block.write('0000644\x000000000\x000000000\0', 100, 'latin1');
  block.write(`${octal(size, 'size')}\0${octal(mtime, 'mtime')}\0`, 124, 'latin1');
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('0000000\x000000000\0', 329, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(value: number, field: string): string {
  if (!Number.isInteger(value) || value < 0 || value > kitLimits.entryBytesMax) {
    throw new ZastavaError('internal', `tar: ${field} ${value} does not fit into 11 octal digits.`);
  }
  return value.toString(8).padStart(11, '0');
}
