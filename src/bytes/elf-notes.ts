/**
 * The ids that an ELF file carries in its notes: the GNU build-id (NT_GNU_BUILD_ID), Go's own, and the package (the
 * `.note.package` of the Linux Userspace API group). Sections are read before segments: files that Go 1.24 and newer link
 * have the build-id outside every PT_NOTE, and files without a section table have it only there.
 */
import { elfLimits, fieldsOf, readPart, sectionTypes, segmentTypes, textOf, type ElfFile } from './elf.ts';

export interface ElfIds {
  /** Lowercase hex of as many bytes as the linker chose: 20 by default, 8, 16 or any other. */
  readonly buildId?: string;
  /** Text of Go's note, such as `a/b/c/d`. */
  readonly goBuildId?: string;
  /** JSON text of the package note. */
  readonly package?: string;
}

interface Note {
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

const buildIdBytesMax = 64;
const textBytesMax = 4096;
const noteHeaderBytes = 12;

export function readElfIds(elf: ElfFile): ElfIds {
  let ids: ElfIds = {};
  for (const note of notesOf(elf)) {
    // The first of each kind counts: sections come before segments.
    ids = { ...idOf(note), ...ids };
    if (ids.buildId !== undefined && ids.goBuildId !== undefined && ids.package !== undefined) break;
  }
  return ids;
}

function idOf({ owner, type, description }: Note): ElfIds {
  if (owner === 'GNU' && type === 3 && description.length > 0 && description.length <= buildIdBytesMax) return { buildId: Buffer.from(description).toString('hex') };
  if (owner === 'Go' && type === 4) return withText('goBuildId', description);
  if (owner === 'FDO' && type === 0xcafe1a7e) return withText('package', description);
  return {};
}

function withText(name: 'goBuildId' | 'package', bytes: Uint8Array): ElfIds {
  const text = bytes.length <= textBytesMax ? textOf(bytes) : '';
  return /^[\P{Cc}\t\n\r]+$/u.test(text) && !text.includes('\ufffd') ? { [name]: text } : {};
}

function* notesOf({ file, littleEndian, sections, segments }: ElfFile): Generator<Note> {
  const places = [
    ...sections.filter(({ type }) => type === sectionTypes.note).map(({ offset, size, align }) => ({ offset, size, align })),
    ...segments.filter(({ type }) => type === segmentTypes.note).map(({ offset, fileSize, align }) => ({ offset, size: fileSize, align })),
  ];
  let left: number = elfLimits.allNoteBytesMax;
  for (const { offset, size, align } of places) {
    const bytes = readPart(file, offset, Math.min(size, elfLimits.noteBytesMax, left));
    left -= bytes.length;
    yield* splitNotes(bytes, align === 8 ? 8 : 4, littleEndian);
  }
}

/** Padding at the end shorter than a header ends it, and so does a note that reaches beyond it. */
function* splitNotes(bytes: Uint8Array, stride: 4 | 8, littleEndian: boolean): Generator<Note> {
  for (let at = 0; at + noteHeaderBytes <= bytes.length; ) {
    const header = fieldsOf(bytes.subarray(at, at + noteHeaderBytes), littleEndian);
    const [nameSize, descriptionSize, type] = [header.u32(0), header.u32(4), header.u32(8)];
    const name = at + noteHeaderBytes;
    const description = at + padded(noteHeaderBytes + nameSize, stride);
    const end = description + descriptionSize;
    if (end > bytes.length) return;
    yield { owner: textOf(bytes.subarray(name, name + nameSize)), type, description: bytes.subarray(description, end) };
    at = at + padded(description - at + descriptionSize, stride);
  }
}

function padded(length: number, stride: number): number {
  return Math.ceil(length / stride) * stride;
}
