/** Where the structure of a kit's file is, told apart by RFC 8878 and the seekable format, independently of the reader. */
import type { ErrorCode } from '../../../src/contract/errors.ts';

export interface Place {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** In order and without a gap. Throws when the last does not end with the file. */
export function placesOf(bytes: Buffer): Place[] {
  const places: Place[] = [];
  let at = 0;
  const add = (what: string, length: number): void => void places.push({ what, from: at, to: (at += length) });
  while (bytes.readUInt32LE(at) === 0xfd2fb528) {
    add('frame magic', 4);
    const descriptor = bytes[at]!;
    add('frame descriptor', 1);
    if ((descriptor & 0x20) === 0) add('window', 1);
    add('content size', [1, 2, 4, 8][descriptor >> 6]!);
    for (let last = false; !last; ) {
      const header = bytes.readUIntLE(at, 3);
      last = (header & 1) === 1;
      add('block header', 3);
      add('block', ((header >> 1) & 3) === 1 ? 1 : header >> 3);
    }
    add('checksum', 4);
  }
  const rows = bytes.length - at - 8 - 9;
  add('seek table magic', 4);
  add('seek table', 4 + rows + 9);
  if (at !== bytes.length) throw new Error(`the seek table ends at ${at}, the file at ${bytes.length}`);
  return places;
}

/** The first place of that name. */
export function rangeOf(bytes: Buffer, what: string): Place {
  const found = placesOf(bytes).find((place) => place.what === what);
  if (found === undefined) throw new Error(`no ${what}`);
  return found;
}

/** What a changed byte there is refused with. */
export const codesOfPlace: Readonly<Record<string, readonly ErrorCode[]>> = {
  'frame magic': ['kit.compression-invalid'],
  'frame descriptor': ['kit.compression-invalid', 'kit.limit-exceeded'],
  // A larger window than the frame needs does no harm: then it is for the signature of the file to tell.
  'window': ['kit.compression-invalid', 'kit.limit-exceeded', 'kit.signature-invalid'],
  'content size': ['kit.compression-invalid', 'kit.limit-exceeded'],
  // A length that points beyond the end of the file.
  'block header': ['kit.compression-invalid', 'kit.truncated'],
  // Some bits of an entropy table decode to the same content: then it is for the signature of the file to tell.
  'block': ['kit.compression-invalid', 'kit.signature-invalid'],
  'checksum': ['kit.compression-invalid'],
  'seek table magic': ['kit.compression-invalid'],
  'seek table': ['kit.seek-table-invalid'],
};
