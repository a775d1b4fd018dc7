/**
 * What the dynamic linker would load for an ELF file: its interpreter, the names it needs and where it looks for them
 * (gABI chapter 5, DT_NEEDED, DT_RPATH, DT_RUNPATH). Read from the segments, since a stripped file has no sections.
 */
import { elfLimits, fieldsOf, readPart, segmentTypes, textOf, type ElfFile } from './elf.ts';

export interface ElfDynamic {
  /** PT_INTERP; absent in a static file and in most libraries. */
  readonly interpreter?: string;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** DT_RUNPATH, or else DT_RPATH, as written: `$ORIGIN` is for the caller. */
  readonly searchPaths: readonly string[];
}

const tags = { end: 0, needed: 1, stringTable: 5, stringSize: 10, rpath: 15, runpath: 29 } as const;

export function readElfDynamic(elf: ElfFile): ElfDynamic {
  const { file, segments } = elf;
  const interpreterAt = segments.find(({ type }) => type === segmentTypes.interpreter);
  const interpreter = interpreterAt && textOf(readPart(file, interpreterAt.offset, Math.min(interpreterAt.fileSize, elfLimits.pathBytesMax)));
  const entries = readEntries(elf);
  const valueOf = (tag: number): number | undefined => entries.find((entry) => entry.tag === tag)?.value;
  const stringAt = stringReader(elf, valueOf(tags.stringTable), valueOf(tags.stringSize));
  const paths = valueOf(tags.runpath) ?? valueOf(tags.rpath);
  return {
    ...(interpreter ? { interpreter } : {}),
    needed: entries.filter(({ tag }) => tag === tags.needed).slice(0, elfLimits.neededMax).map(({ value }) => stringAt(value)).filter((name) => name !== ''),
    searchPaths: paths === undefined ? [] : stringAt(paths).split(':').filter((path) => path !== ''),
  };
}

function readEntries({ file, is64, littleEndian, segments }: ElfFile): { tag: number; value: number }[] {
  const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
  if (!dynamic) return [];
  const fields = fieldsOf(readPart(file, dynamic.offset, Math.min(dynamic.fileSize, elfLimits.dynamicBytesMax)), littleEndian);
  const [step, read] = is64 ? [16, fields.u64] : [8, fields.u32];
  const entries: { tag: number; value: number }[] = [];
  for (let at = 0; at + step <= fields.length; at += step) {
    const tag = read(at);
    if (tag === tags.end) break;
    entries.push({ tag, value: read(at + step / 2) });
  }
  return entries;
}

/** The string table is given by its address in memory: the segment that is loaded there says where it is in the file. */
function stringReader({ file, segments }: ElfFile, address = Number.NaN, size = 0): (at: number) => string {
  const loaded = segments.find(({ type, address: start, fileSize }) => type === segmentTypes.load && address >= start && address < start + fileSize);
  if (!loaded) return () => '';
  const table = loaded.offset + address - loaded.address;
  return (at) => (at < size ? textOf(readPart(file, table + at, Math.min(elfLimits.pathBytesMax, size - at))) : '');
}
