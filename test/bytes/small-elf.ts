/** Small ELF files of every word size and byte order, written from the tables of the gABI and not with the code under test. */

export interface Form {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
}

/** A span of the file, and what the tables say about it. */
export interface Part {
  readonly content: Buffer;
  /** Of the file offset, and as the tables have it. */
  readonly align?: number;
  /** p_type, sh_type. */
  readonly segment?: number;
  readonly section?: number;
  readonly address?: number;
}

/** p_type */
export const [load, noteSegment] = [1, 4];
const [dynamic, interpreter] = [2, 3];
/** sh_type */
export const [noteSection, noBits] = [7, 8];
const padded = (length: number, align: number): number => Math.ceil(length / align) * align;

/** Numbers, each in so many bytes, in the byte order of the form. */
export function words({ littleEndian }: Form, ...fields: readonly (readonly [width: number, value: number])[]): Buffer {
  return Buffer.concat(fields.map(([width, value]) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return littleEndian ? bytes.subarray(0, width) : bytes.subarray(0, width).reverse();
  }));
}

/** `counts: 'elsewhere'` puts the numbers of headers into the first section header, as for more than their fields hold. */
export function elf(form: Form, parts: readonly Part[], counts: 'header' | 'elsewhere' = 'header'): Buffer {
  const is64 = form.bits === 64;
  const [word, headerBytes, programBytes, sectionBytes] = is64 ? [8, 64, 56, 64] : [4, 52, 32, 40];
  const programs = 1 + parts.filter(({ segment }) => segment !== undefined).length;
  const withSections = counts === 'elsewhere' || parts.some(({ section }) => section !== undefined);
  const sections = withSections ? 1 + parts.filter(({ section }) => section !== undefined).length : 0;
  let end = headerBytes + programs * programBytes;
  const placed = parts.map(({ align = 1, ...part }) => {
    const offset = padded(end, align);
    end = offset + part.content.length;
    return { address: 0x400000 + offset, ...part, align, offset };
  });
  const tableAt = padded(end, 8);
  const program = (type: number, offset: number, address: number, size: number, align: number): Buffer =>
    is64
      ? words(form, [4, type], [4, 4], [8, offset], [8, address], [8, address], [8, size], [8, size], [8, align])
      : words(form, [4, type], [4, offset], [4, address], [4, address], [4, size], [4, size], [4, 4], [4, align]);
  const section = (type: number, offset: number, size: number, info: number, align: number): Buffer =>
    words(form, [4, 0], [4, type], [word, 2], [word, 0], [word, offset], [word, size], [4, 0], [4, info], [word, align], [word, 0]);
  const [programCount, sectionCount, size, info] = counts === 'header' ? [programs, sections, 0, 0] : [0xffff, 0, sections, programs];
  const file = Buffer.alloc(tableAt + sections * sectionBytes);
  Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, form.littleEndian ? 1 : 2, 1, ...Array<number>(9).fill(0)]),
    words(form, [2, 3], [2, 62], [4, 1], [word, 0], [word, headerBytes], [word, withSections ? tableAt : 0], [4, 0]),
    words(form, [2, headerBytes], [2, programBytes], [2, programCount], [2, sectionBytes], [2, sectionCount], [2, 0]),
    program(load, 0, 0x400000, end, 0x1000),
    ...placed.flatMap(({ segment, offset, address, content, align }) => (segment === undefined ? [] : [program(segment, offset, address, content.length, align)])),
  ]).copy(file);
  for (const { content, offset } of placed) content.copy(file, offset);
  if (withSections) {
    Buffer.concat([
      section(0, 0, size, info, 0),
      ...placed.flatMap(({ section: type, offset, content, align }) => (type === undefined ? [] : [section(type, offset, content.length, 0, align)])),
    ]).copy(file, tableAt);
  }
  return file;
}

export function note(form: Form, owner: string, type: number, content: Uint8Array | string, align = 4): Buffer {
  const [name, description] = [Buffer.from(owner), Buffer.from(content)];
  const at = padded(12 + name.length, align);
  const bytes = Buffer.alloc(padded(at + description.length, align));
  words(form, [4, name.length], [4, description.length], [4, type]).copy(bytes);
  name.copy(bytes, 12);
  description.copy(bytes, at);
  return bytes;
}

export const idOfLength = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (0xc1 + index * 37) % 256));
export const id = idOfLength(20);
export const buildIdNote = (form: Form, description: Uint8Array = id, align = 4): Buffer => note(form, 'GNU\0', 3, description, align);
export const goNote = (form: Form): Buffer => note(form, 'Go\0\0', 4, 'action/main/main/content');
export const packageNote = (form: Form, text: string): Buffer => note(form, 'FDO\0', 0xcafe1a7e, text);

export interface Linked {
  readonly needed: readonly string[];
  readonly rpath?: string;
  readonly runpath?: string;
  /** Addresses: of the segment that has the strings, and of the strings as DT_STRTAB says. */
  readonly loadedAt?: number;
  readonly stringsAt?: number;
  readonly interpreterPath?: string;
}

export function linkedParts(form: Form, { needed, rpath, runpath, loadedAt = 0x7000000, stringsAt = loadedAt, interpreterPath = '/lib/ld.so' }: Linked): Part[] {
  const strings = Buffer.from(`\0${[...needed, rpath ?? '', runpath ?? ''].join('\0')}\0`);
  const at = (text: string): number => strings.indexOf(`\0${text}\0`) + 1;
  const entries = [...needed.map((name) => [1, at(name)] as const), [5, stringsAt] as const, [10, strings.length] as const,
    ...(rpath === undefined ? [] : [[15, at(rpath)] as const]), ...(runpath === undefined ? [] : [[29, at(runpath)] as const]), [0, 0] as const, [1, 1] as const];
  return [
    { content: Buffer.from(`${interpreterPath}\0`), segment: interpreter },
    { content: strings, segment: load, address: loadedAt },
    { content: Buffer.concat(entries.map(([tag, value]) => words(form, [form.bits / 8, tag], [form.bits / 8, value]))), segment: dynamic, align: 8 },
  ];
}

export const forms = ([32, 64] as const).flatMap((bits) => [true, false].map((littleEndian) => ({ bits, littleEndian, name: `${bits} bit, ${littleEndian ? 'little' : 'big'} endian` })));
const places = [
  { place: 'a segment', in: { segment: noteSegment } },
  { place: 'a section', in: { section: noteSection } },
  { place: 'a segment and a section', in: { segment: noteSegment, section: noteSection } },
];
/** Of build-ids, in bytes. */
export const lengths = [1, 4, 8, 16, 20, 32, 64];
/** Files that have a build-id, by where. */
export const carriers = places.flatMap(({ place, in: tables }) => [4, 8].map((align) => ({ place, align, make: (form: Form, length: number) => elf(form, [{ content: buildIdNote(form, idOfLength(length), align), align, ...tables }]) })));

/** A file that has everything. */
export const specimen = (form: Form): Buffer =>
  elf(form, [
    { content: Buffer.concat([note(form, 'GNU\0', 5, Buffer.alloc(12), 8), buildIdNote(form, id, 8)]), align: 8, segment: noteSegment, section: noteSection },
    { content: Buffer.concat([goNote(form), packageNote(form, '{}')]), align: 4, section: noteSection },
    ...linkedParts(form, { needed: ['libc.so.6'], runpath: '/opt' }),
  ]);
