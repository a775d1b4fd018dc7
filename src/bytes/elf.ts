/**
 * Reads the parts of an ELF file that say what it is (System V gABI, chapters 4 and 5): 32 and 64 bit, both byte orders.
 * Every offset and count in it is an attacker's: reads are bounded by the file and by the limits below, and a file that
 * breaks a rule gives what can still be read, or null when it is no ELF file at all. Nothing here throws.
 */

/** A file that can be read at any place; fewer bytes than asked for come at its end only. */
export interface RandomAccess {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

export const elfLimits = {
  /** Program headers and sections looked at. */
  headersMax: 4096,
  /** Bytes read of one note segment or section: build-ids stand in small ones, and compilers' annotations in huge ones. */
  noteBytesMax: 64 * 1024,
  /** Of all of them. */
  allNoteBytesMax: 1024 * 1024,
  dynamicBytesMax: 64 * 1024,
  neededMax: 1024,
  pathBytesMax: 4096,
} as const;

export interface ElfFile {
  readonly file: RandomAccess;
  readonly is64: boolean;
  readonly littleEndian: boolean;
  /** e_machine. */
  readonly machine: number;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly align: number;
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly align: number;
}

export const segmentTypes = { load: 1, dynamic: 2, interpreter: 3, note: 4 } as const;
export const sectionTypes = { note: 7 } as const;

/** Where the fields of the three headers are, by word size (gABI figures 4-3, 4-8, 5-1). */
const layouts = {
  32: {
    header: 52, programOffset: 28, sectionOffset: 32, programSize: 42, programCount: 44, sectionSize: 46, sectionCount: 48,
    program: { size: 32, type: 0, offset: 4, address: 8, fileSize: 16, align: 28 },
    section: { size: 40, type: 4, offset: 16, bytes: 20, info: 28, align: 32 },
  },
  64: {
    header: 64, programOffset: 32, sectionOffset: 40, programSize: 54, programCount: 56, sectionSize: 58, sectionCount: 60,
    program: { size: 56, type: 0, offset: 8, address: 16, fileSize: 32, align: 48 },
    section: { size: 64, type: 4, offset: 24, bytes: 32, info: 44, align: 48 },
  },
} as const;

/** In place of a number of program headers that does not fit its field (gABI: PN_XNUM). */
const manyPrograms = 0xffff;

export function parseElf(file: RandomAccess): ElfFile | null {
  const identity = readPart(file, 0, 16);
  if (identity.length < 16 || identity[0] !== 0x7f || identity[1] !== 0x45 || identity[2] !== 0x4c || identity[3] !== 0x46) return null;
  const [, , , , wordClass, order, version] = identity;
  if ((wordClass !== 1 && wordClass !== 2) || (order !== 1 && order !== 2) || version !== 1) return null;
  const [is64, littleEndian] = [wordClass === 2, order === 1];
  const layout = layouts[is64 ? 64 : 32];
  const header = fieldsOf(readPart(file, 0, layout.header), littleEndian);
  if (header.length < layout.header) return null;
  const word = (at: number): number => (is64 ? header.u64(at) : header.u32(at));

  const first = word(layout.sectionOffset) > 0 ? readTable(file, word(layout.sectionOffset), 1, header.u16(layout.sectionSize), layout.section.size, littleEndian)[0] : undefined;
  const size = (fields: Fields, at: number): number => (is64 ? fields.u64(at) : fields.u32(at));
  const sectionCount = header.u16(layout.sectionCount) || (first ? size(first, layout.section.bytes) : 0);
  const programCount = header.u16(layout.programCount) === manyPrograms && first ? first.u32(layout.section.info) : header.u16(layout.programCount);
  const programs = readTable(file, word(layout.programOffset), programCount, header.u16(layout.programSize), layout.program.size, littleEndian);
  const sections = first ? readTable(file, word(layout.sectionOffset), sectionCount, header.u16(layout.sectionSize), layout.section.size, littleEndian) : [];
  return {
    file, is64, littleEndian,
    machine: header.u16(18),
    segments: programs.map((fields) => ({
      type: fields.u32(layout.program.type),
      offset: size(fields, layout.program.offset),
      address: size(fields, layout.program.address),
      fileSize: size(fields, layout.program.fileSize),
      align: size(fields, layout.program.align),
    })),
    sections: sections.map((fields) => ({
      type: fields.u32(layout.section.type),
      offset: size(fields, layout.section.offset),
      size: size(fields, layout.section.bytes),
      align: size(fields, layout.section.align),
    })),
  };
}

/** Numbers in the file's byte order. A 64-bit one beyond 2^53 becomes infinite, which no read reaches. */
export interface Fields {
  readonly length: number;
  u16(at: number): number;
  u32(at: number): number;
  u64(at: number): number;
}

export function fieldsOf(bytes: Uint8Array, littleEndian: boolean): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    length: bytes.length,
    u16: (at) => view.getUint16(at, littleEndian),
    u32: (at) => view.getUint32(at, littleEndian),
    u64: (at) => {
      const value = view.getBigUint64(at, littleEndian);
      return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
    },
  };
}

/** Up to the limit; bytes beyond the end of the file are not there. */
export function readPart(file: RandomAccess, offset: number, length: number): Uint8Array {
  if (!(offset >= 0 && offset < file.size && length > 0)) return new Uint8Array(0);
  return file.read(offset, Math.min(length, file.size - offset));
}

/** The text up to the first zero byte, or all of it. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** The whole entries of a table that are there; an entry size other than the known one means another format. */
function readTable(file: RandomAccess, offset: number, count: number, entrySize: number, knownSize: number, littleEndian: boolean): Fields[] {
  if (entrySize !== knownSize || count <= 0) return [];
  const bytes = readPart(file, offset, Math.min(count, elfLimits.headersMax) * knownSize);
  return Array.from({ length: Math.floor(bytes.length / knownSize) }, (_, index) => fieldsOf(bytes.subarray(index * knownSize, (index + 1) * knownSize), littleEndian));
}
