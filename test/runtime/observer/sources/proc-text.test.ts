import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMaps } from '../../../../src/runtime/observer/sources/maps.ts';
import { boundArguments, boundText, parseArguments, parseScriptLine, parseStat, programOf, textLimits } from '../../../../src/runtime/observer/sources/proc-text.ts';

const statOf = (pid: number, name: string, state: string, parent: number, startTime: number): string =>
  `${pid} (${name}) ${state} ${parent} ${Array.from({ length: 17 }, (_, index) => index).join(' ')} ${startTime} 8192 0\n`;
const pid = fc.integer({ min: 1, max: 4_194_304 });
const ticks = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
/** A process can give itself any name of 15 bytes. */
const processName = fc.string({ maxLength: 15, unit: fc.constantFrom('(', ')', ' ', 'S', '1', '\n', 'é') });

describe('stat', () => {
  test('is read whatever the process calls itself', () => {
    fc.assert(fc.property(pid, processName, fc.constantFrom('R', 'S', 'D', 'Z', 'T', 't', 'X', 'I'), pid, ticks, (pid, name, state, parent, startTime) => {
      expect(parseStat(statOf(pid, name, state, parent, startTime))).toEqual({ pid, name, state, parent, startTime });
    }));
  });

  test('of something else is nothing, and no text makes it throw', () => {
    for (const text of ['', '1', '1 (x)', '1 (x) S', ')(', '1 (x) S 1 2 3', statOf(1, 'x', 'S', 0, 5).replace(' 5 8192', ' -5 8192'), statOf(1, 'x', 'SS', 0, 5), `x${statOf(1, 'x', 'S', 0, 5)}`]) expect(parseStat(text)).toBeNull();
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('(', ')', ' ', 'S', '9', '-', '\0') }), (text) => {
      const stat = parseStat(text);
      expect(stat === null || Number.isSafeInteger(stat.startTime)).toBe(true);
    }));
  });
});

describe('a command line', () => {
  const argument = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));

  test('gives the arguments, empty ones too', () => {
    fc.assert(fc.property(fc.array(argument, { maxLength: textLimits.argumentsMax }), (args) => {
      expect(parseArguments(Buffer.from(args.map((arg) => `${arg}\0`).join('')))).toEqual(args);
    }));
  });

  test('that a process wrote over gives what is there, and not more than the limit', () => {
    expect(parseArguments(Buffer.from('nginx: master process'))).toEqual(['nginx: master process']);
    expect(parseArguments(Buffer.from('x\0'.repeat(1000)))).toHaveLength(textLimits.argumentsMax);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => {
      expect(parseArguments(bytes).every((arg) => !arg.includes('\0'))).toBe(true);
    }));
  });

  test('is cut for an event, visibly, and stays well-formed', () => {
    expect(boundArguments(['/bin/sh', '-c', 'exec /app/api'])).toEqual(['/bin/sh', '-c', 'exec /app/api']);
    expect(boundArguments(['a'.repeat(textLimits.argumentCharsMax + 1)])).toEqual([`${'a'.repeat(textLimits.argumentCharsMax - 1)}…`]);
    fc.assert(fc.property(fc.array(fc.string({ maxLength: 3000, unit: fc.constantFrom('a', '😀') })), (args) => {
      const bounded = boundArguments(args);
      expect(bounded.length).toBeLessThanOrEqual(textLimits.argumentsMax);
      expect(bounded.join('').length).toBeLessThanOrEqual(textLimits.argumentsCharsMax);
      expect(bounded.every((text) => text.isWellFormed())).toBe(true);
      expect(args.join('').length <= textLimits.argumentCharsMax && args.length <= textLimits.argumentsMax ? bounded : args).toEqual(args);
    }));
    expect(boundText('a😀b', 3)).toBe('a\ufffd…');
  });
});

describe('a script line', () => {
  test.each([
    ['#!/bin/sh\necho', { interpreter: '/bin/sh' }, '/bin/sh'],
    ['#! /bin/bash -e -u \n', { interpreter: '/bin/bash', argument: '-e -u' }, '/bin/bash'],
    ['#!/usr/bin/env python3', { interpreter: '/usr/bin/env', argument: 'python3' }, 'python3'],
    ['#!/usr/bin/env -S A=1 node --x\n', { interpreter: '/usr/bin/env', argument: '-S A=1 node --x' }, 'node'],
    ['#!/usr/bin/env', { interpreter: '/usr/bin/env' }, '/usr/bin/env'],
  ])('%j names its interpreter', (text, line, program) => {
    expect(parseScriptLine(Buffer.from(text))).toEqual(line);
    expect(programOf(line)).toBe(program);
  });

  test('is none without a name, and none in other bytes', () => {
    for (const text of ['', '#', '#!', '#! \n/bin/sh', '\x7fELF', ' #!/bin/sh']) expect(parseScriptLine(Buffer.from(text))).toBeNull();
    fc.assert(fc.property(fc.uint8Array(), (bytes) => {
      const line = parseScriptLine(Buffer.concat([Buffer.from('#!'), bytes]));
      expect(line === null || (line.interpreter !== '' && !/[ \t\n\0]/.test(line.interpreter))).toBe(true);
    }));
  });
});

describe('maps', () => {
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  const path = fc.string({ unit: fc.constantFrom('a', '/', ' ', '(deleted)', '[vdso]', 'é', '\\', '-') }).map((text) => `/${text}`);
  const mapping = fc.record({ start: fc.nat(), length: fc.nat(), code: fc.boolean(), inode: fc.nat(), minor: fc.integer({ min: 0, max: 0xfffff }), path });

  test('give the files with code, each once, in order', () => {
    fc.assert(fc.property(fc.array(mapping), (mappings) => {
      const text = mappings.map(({ start, length, code, inode, minor, path }) => `${hex(start)}-${hex(start + length)} r-${code ? 'x' : '-'}p 00000000 fe:${minor.toString(16).padStart(2, '0')} ${inode}                    ${path}\n`).join('');
      const key = ({ inode, minor }: { inode: number; minor: number }): string => `${minor} ${inode}`;
      const expected = mappings.filter(({ code, inode }) => code && inode > 0);
      const first = expected.filter((one, index) => expected.findIndex((other) => key(other) === key(one)) === index);
      expect(parseMaps(text).map(({ path, inode }) => ({ path, inode }))).toEqual(first.map(({ path, inode }) => ({ path, inode: BigInt(inode) })));
    }));
  });

  test('leave out what is no file, and no text makes them throw', () => {
    const lines = ['7ffc0000-7ffd0000 r-xp 00000000 00:00 0                          [vdso]', '7ffc0000-7ffd0000 rwxp 00000000 00:00 0 ', 'zz-7ffd0000 r-xp 00000000 fe:00 5 /x', '7f00-7f10 r-xp 00000000 fe:00 5 x', `7f00-7f10 r-xp 00000000 fe:00 5 /${'x'.repeat(5000)}`];
    expect(parseMaps(lines.join('\n'))).toEqual([]);
    expect(parseMaps('7f00-7f10 r-xp 00000000 fe:00 5 /a\\012b')).toEqual([{ path: '/a\nb', inode: 5n, device: 'fe:00', range: '7f00-7f10' }]);
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('7', 'f', '-', ' ', 'r', 'x', 'p', ':', '/', '\n') }), (text) => {
      expect(parseMaps(text).every(({ path }) => path.startsWith('/'))).toBe(true);
    }));
  });

  test('of any size are read in a time that grows with it only', () => {
    const nasty = `7f00-7f10 r-xp 00000000 fe:00 5${' '.repeat(2_000_000)}x\n`;
    expect(parseMaps(nasty)).toEqual([]);
  });
});
