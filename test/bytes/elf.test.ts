/** Small ELF files of every form, hostile ones, and the machine's own; readelf is asked about all that it can read. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readElfDynamic, type ElfDynamic } from '../../src/bytes/elf-dynamic.ts';
import { readElfIds, type ElfIds } from '../../src/bytes/elf-notes.ts';
import { elfLimits, parseElf, type RandomAccess } from '../../src/bytes/elf.ts';
import { buildIdNote, carriers, elf, forms, goNote, id, idOfLength, lengths, linkedParts, load, noBits, note, noteSection, noteSegment, packageNote, specimen, words, type Linked, type Part } from './small-elf.ts';
import { watched, WatchedFile } from './watched-file.ts';

const full = process.env['FULL'] === '1';

type Facts = ElfIds & ElfDynamic;

function factsOf(file: RandomAccess): Facts | null {
  const parsed = parseElf(file);
  return parsed && { ...readElfIds(parsed), ...readElfDynamic(parsed) };
}

function idsOf(bytes: Uint8Array): ElfIds {
  const parsed = parseElf(watched(bytes));
  if (!parsed) throw new Error('not an ELF file');
  return readElfIds(parsed);
}

describe.each(forms)('an ELF file of $name', (form) => {
  const inSegment = (content: Buffer, align = 4): ElfIds => idsOf(elf(form, [{ content, align, segment: noteSegment }]));

  test('says its word size, byte order and machine', () => {
    expect(parseElf(watched(elf(form, [])))).toMatchObject({ is64: form.bits === 64, littleEndian: form.littleEndian, machine: 62, segments: [{ type: load, offset: 0, address: 0x400000 }], sections: [] });
  });

  test.each(carriers)('gives a build-id of any length from $place at $align-byte alignment', ({ make }) => {
    expect(lengths.map((length) => idsOf(make(form, length)))).toEqual(lengths.map((length) => ({ buildId: idOfLength(length).toString('hex') })));
  });

  test('has no build-id in a note that is empty, too long, of another owner or of another type', () => {
    const others = [buildIdNote(form, Buffer.alloc(0)), buildIdNote(form, idOfLength(65)), note(form, 'GNV\0', 3, id), note(form, 'GNU\0', 1, id), note(form, '', 3, id)];
    expect(others.map((other) => inSegment(other))).toEqual(others.map(() => ({})));
    expect(inSegment(Buffer.concat([...others, buildIdNote(form)]))).toEqual({ buildId: id.toString('hex') });
  });

  test('gives the ids of Go and of the package apart', () => {
    const text = '{"type":"deb",\n\t"name":"zażółć"}';
    expect(inSegment(goNote(form))).toEqual({ goBuildId: 'action/main/main/content' });
    expect(inSegment(packageNote(form, text))).toEqual({ package: text });
    expect(inSegment(Buffer.concat([packageNote(form, `${text}\0\0\0`), goNote(form), buildIdNote(form)]))).toEqual({ buildId: id.toString('hex'), goBuildId: 'action/main/main/content', package: text });
  });

  test('gives no text that is empty, too long, not UTF-8 or not printable', () => {
    const texts = ['', '\0\0', 'a'.repeat(4097), Buffer.from([0x7b, 0xff, 0x7d]), 'a\u001b[0m'];
    expect(texts.map((text) => inSegment(Buffer.concat([note(form, 'Go\0\0', 4, text), note(form, 'FDO\0', 0xcafe1a7e, text)])))).toEqual(texts.map(() => ({})));
    expect(inSegment(note(form, 'Go\0\0', 4, 'a'.repeat(4096)))).toEqual({ goBuildId: 'a'.repeat(4096) });
  });

  test('gives the second note of a segment at 8-byte alignment', () => {
    const property = note(form, 'GNU\0', 5, Buffer.alloc(12, 2), 8);
    expect(property.length).toBe(32);
    expect(inSegment(Buffer.concat([property, buildIdNote(form, id, 8)]), 8)).toEqual({ buildId: id.toString('hex') });
  });

  test('gives the build-id of a section that no PT_NOTE covers, as Go 1.24 and newer link it', () => {
    expect(idsOf(elf(form, [{ content: goNote(form), align: 4, segment: noteSegment, section: noteSection }, { content: buildIdNote(form), align: 4, section: noteSection }]))).toEqual({ buildId: id.toString('hex'), goBuildId: 'action/main/main/content' });
  });

  test('gives what a section says before what a segment says, and the first before the second', () => {
    const [one, two, three] = [1, 2, 3].map((length) => buildIdNote(form, idOfLength(length)));
    expect(idsOf(elf(form, [{ content: one!, align: 4, segment: noteSegment }, { content: Buffer.concat([two!, three!]), align: 4, section: noteSection }]))).toEqual({ buildId: idOfLength(2).toString('hex') });
  });

  test('has nothing in a section without bytes', () => {
    expect(idsOf(elf(form, [{ content: buildIdNote(form), align: 4, section: noBits }]))).toEqual({});
  });

  test('may have padding after its notes, or none after the last', () => {
    for (let padding = 0; padding <= 32; padding++) expect(inSegment(Buffer.concat([goNote(form), buildIdNote(form), Buffer.alloc(padding)]))).toMatchObject({ buildId: id.toString('hex') });
    expect(inSegment(buildIdNote(form, idOfLength(1)).subarray(0, 17))).toEqual({ buildId: 'c1' });
    expect(inSegment(buildIdNote(form).subarray(0, -1))).toEqual({});
  });

  test('is read on after a note that reaches beyond its section', () => {
    const endless = Buffer.concat([words(form, [4, 0xffffffff], [4, 0xffffffff], [4, 3]), id]);
    expect(idsOf(elf(form, [{ content: endless, align: 4, section: noteSection }, { content: buildIdNote(form), align: 4, section: noteSection }]))).toEqual({ buildId: id.toString('hex') });
  });

  test('may have more headers than their fields can count', () => {
    const file = elf(form, [{ content: buildIdNote(form), align: 4, section: noteSection }, { content: goNote(form), align: 4, segment: noteSegment }], 'elsewhere');
    expect(idsOf(file)).toEqual({ buildId: id.toString('hex'), goBuildId: 'action/main/main/content' });
    expect(parseElf(watched(file))).toMatchObject({ segments: { length: 2 }, sections: { length: 2 } });
  });

  test('has no headers when theirs are of a size that is not known', () => {
    const file = specimen(form);
    for (const at of form.bits === 64 ? [54, 58] : [42, 46]) words(form, [2, 8]).copy(file, at);
    expect(parseElf(watched(file))).toMatchObject({ segments: [], sections: [] });
  });

  test('says what the dynamic linker loads: DT_RUNPATH in place of DT_RPATH', () => {
    const linked = { needed: ['libb.so.1', 'liba.so.2'], rpath: '/old' };
    const read = (file: Linked): Facts | null => factsOf(watched(elf(form, linkedParts(form, file))));
    expect(read(linked)).toEqual({ interpreter: '/lib/ld.so', needed: linked.needed, searchPaths: ['/old'] });
    expect(read({ ...linked, runpath: '$ORIGIN/../lib:/opt' })).toEqual({ interpreter: '/lib/ld.so', needed: linked.needed, searchPaths: ['$ORIGIN/../lib', '/opt'] });
    expect(read({ ...linked, loadedAt: 0x300000 })).toEqual(read(linked));
    expect(read({ ...linked, stringsAt: 0x9000000 })).toEqual({ interpreter: '/lib/ld.so', needed: [], searchPaths: [] });
    expect(factsOf(watched(elf(form, [])))).toEqual({ needed: [], searchPaths: [] });
  });
});

/** Throws when a file reads beyond itself or its cost, or gives what no file may give. */
function survives(bytes: Uint8Array): void {
  const facts = factsOf(watched(bytes));
  if (!facts) return;
  const { buildId = '00', goBuildId = '', package: text = '', interpreter = '', needed, searchPaths } = facts;
  const texts = [goBuildId, text, interpreter, ...needed, ...searchPaths];
  if (!/^([0-9a-f]{2}){1,64}$/.test(buildId) || needed.length > elfLimits.neededMax || texts.some((text) => text.length > elfLimits.pathBytesMax || text.includes('\0'))) throw new Error(JSON.stringify(facts).slice(0, 500));
}

describe.each(forms)('a hostile file of $name', (form) => {
  const file = specimen(form);
  const settings: fc.Parameters<unknown> = full ? { numRuns: 200_000 } : { numRuns: 3000, seed: 6 };

  test('is whole before anything is done to it', () => {
    expect(factsOf(watched(file))).toEqual({ buildId: id.toString('hex'), goBuildId: 'action/main/main/content', package: '{}', interpreter: '/lib/ld.so', needed: ['libc.so.6'], searchPaths: ['/opt'] });
  });

  test('costs no more than its bytes, whichever byte is changed', () => {
    for (const [at, old] of file.entries()) {
      for (const value of [0x00, 0x01, 0x08, 0x7f, 0x80, 0xff, old ^ 1, old ^ 0x10]) {
        const changed = Buffer.from(file);
        changed[at] = value;
        survives(changed);
      }
    }
  });

  test('costs no more than its bytes, wherever it ends', () => {
    for (let end = 0; end < file.length; end++) survives(file.subarray(0, end));
    expect([0, 4, 15, 16, form.bits === 64 ? 63 : 51].map((end) => parseElf(watched(file.subarray(0, end))))).toEqual(Array(5).fill(null));
  });

  test('costs no more than its bytes, whatever follows the identification', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => survives(Buffer.concat([file.subarray(0, 16), bytes]))), settings);
  });

  test('costs no more than its bytes, whatever numbers its tables hold', () => {
    const odd = fc.oneof(fc.constantFrom(0n, 1n, 7n, 8n, 0x7fffffffn, 0xffffffffn, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n), fc.integer({ min: -64, max: 64 }).map((more) => BigInt(file.length + more)), fc.bigInt(0n, 2n ** 64n - 1n));
    const edit = fc.tuple(fc.integer({ min: 8, max: Math.floor(file.length / 2) - 4 }), odd, fc.constantFrom(2, 4, 8));
    fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
      const changed = Buffer.from(file);
      for (const [half, value, width] of edits) {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(value);
        (form.littleEndian ? bytes.subarray(0, width) : bytes.subarray(0, width).reverse()).copy(changed, half * 2);
      }
      survives(changed);
    }), settings);
  });

  test('that asks for everything is read up to the limits', () => {
    const long = Buffer.concat([words(form, [4, 69_000], [4, 0], [4, 3]), Buffer.alloc(70_000)]);
    const noteBytesOf = (sections: number): number => {
      const file = watched(elf(form, Array.from({ length: sections }, () => ({ content: long, align: 4, section: noteSection }))));
      const parsed = parseElf(file);
      const before = file.bytesRead;
      expect(parsed && readElfIds(parsed)).toEqual({});
      return file.bytesRead - before;
    };
    expect([1, 2, 20].map(noteBytesOf)).toEqual([elfLimits.noteBytesMax, 2 * elfLimits.noteBytesMax, elfLimits.allNoteBytesMax]);
    const names = (length: number): string[] => Array.from({ length }, (_, index) => `lib${index}`.padEnd(4000, 'x'));
    const linked = factsOf(watched(elf(form, linkedParts(form, { needed: names(2000), interpreterPath: '/'.repeat(5000) }))));
    expect(linked?.interpreter?.length).toBe(elfLimits.pathBytesMax);
    expect(linked?.needed.length).toBe(elfLimits.neededMax);
    expect(linked?.needed.at(-1)).toBe(names(elfLimits.neededMax).at(-1));
    // The place of the strings comes after the names, so beyond the limit.
    const late = factsOf(watched(elf(form, linkedParts(form, { needed: Array<string>(9000).fill('liba.so') }))));
    expect(late?.needed.length).toBe(0);
  });

  test('with an owner of zeros in each note is read in one go over its bytes', () => {
    const length = elfLimits.noteBytesMax - 12;
    const zeros = Buffer.concat([words(form, [4, length], [4, 0], [4, 3]), Buffer.alloc(length - 1), Buffer.from([1])]);
    expect(idsOf(elf(form, Array.from({ length: 20 }, () => ({ content: zeros, align: 4, section: noteSection }))))).toEqual({});
  });

  test('with more sections than are looked at has what the first of them say', () => {
    const empty = Array.from({ length: elfLimits.headersMax - 2 }, (): Part => ({ content: Buffer.alloc(0), section: noteSection }));
    const last = { content: buildIdNote(form), align: 4, section: noteSection };
    expect(idsOf(elf(form, [...empty, last]))).toEqual({ buildId: id.toString('hex') });
    expect(idsOf(elf(form, [...empty, ...empty.slice(0, 1), last]))).toEqual({});
  });
});

test.each([['a magic number', [0, 0x7e]], ['a word size', [4, 3]], ['a byte order', [5, 0]], ['a version', [6, 2]]] as const)('a file with %s of no ELF file is none', (_name, [at, value]) => {
  const file = specimen({ bits: 64, littleEndian: true });
  file[at] = value;
  expect(parseElf(watched(file))).toBeNull();
});

const program = 'readelf';
const withReadelf = spawnSync(program, ['--version']).status === 0;
if (!withReadelf) process.stderr.write('\n*** NOT TESTED: ELF files are read as readelf reads them\n*** missing: readelf (binutils)\n\n');

/** What readelf says about files, by path; without what `readElfIds` calls Go's and the package's, which old ones do not know. */
function readelf(paths: readonly string[]): Map<string, Facts> {
  // The same file twice, since readelf names a file only when there are several.
  const { stdout } = spawnSync(program, ['-W', '-n', '-d', '-l', ...paths, paths[0]!], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 2 ** 28 });
  return new Map(stdout.split(/^File: /m).slice(1).map((text) => {
    const all = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1]!);
    const [buildId, interpreter] = [all(/Build ID: ([0-9a-f]+)$/gm)[0], all(/\[Requesting program interpreter: (.*)\]$/gm)[0]];
    const [runpath] = [...all(/\(RUNPATH\) +Library runpath: \[(.*)\]$/gm), ...all(/\(RPATH\) +Library rpath: \[(.*)\]$/gm)];
    return [text.split('\n', 1)[0]!, {
      ...(buildId === undefined ? {} : { buildId }), ...(interpreter === undefined ? {} : { interpreter }),
      needed: all(/\(NEEDED\) +Shared library: \[(.*)\]$/gm), searchPaths: runpath?.split(':').filter((path) => path !== '') ?? [],
    }];
  }));
}

function factsOfFile(path: string): Facts | null {
  const descriptor = openSync(path, 'r');
  try {
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    };
    const facts = factsOf(new WatchedFile(statSync(path).size, read));
    if (!facts) return null;
    const { goBuildId: _go, package: _package, ...rest } = facts;
    return rest;
  } finally {
    closeSync(descriptor);
  }
}

describe.runIf(withReadelf)('readelf agrees', { timeout: full ? 600_000 : 60_000 }, () => {
  test('about the files made here', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elf-'));
    try {
      const files = forms.flatMap((form) => [...carriers.flatMap(({ make }) => lengths.map((length) => make(form, length))), specimen(form), elf(form, linkedParts(form, { needed: ['liba.so'], rpath: '/old' }))]);
      const paths = files.map((bytes, index) => {
        writeFileSync(join(folder, `${index}`), bytes);
        return join(folder, `${index}`);
      });
      expect(new Map(paths.map((path) => [path, factsOfFile(path)]))).toEqual(readelf(paths));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`about ${full ? 'all' : 'some'} of the programs of this machine`, () => {
    const named = readdirSync('/usr/bin').sort().map((name) => join('/usr/bin', name)).filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
    const programs = [...new Set([process.execPath, ...named].map((path) => realpathSync(path)))].map((path) => [path, factsOfFile(path)] as const).filter(([, facts]) => facts);
    const sample = programs.filter((_, index) => full || index % Math.ceil(programs.length / 40) === 0);
    expect(sample.filter(([, facts]) => facts?.buildId !== undefined).length).toBeGreaterThan(0);
    for (let at = 0; at < sample.length; at += 100) {
      const some = sample.slice(at, at + 100);
      expect(new Map(some)).toEqual(readelf(some.map(([path]) => path)));
    }
  });
});
