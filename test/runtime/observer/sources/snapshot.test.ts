/** Roots and overlays made by hand: what a container that is gone ran, and what links and whiteouts may not do. */
import { chmodSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FileReader } from '../../../../src/runtime/observer/sources/executable.ts';
import type { ObservedSnapshot, Unseen } from '../../../../src/runtime/observer/sources/process-facts.ts';
import { RootTree } from '../../../../src/runtime/observer/sources/snapshot-tree.ts';
import { readSnapshot } from '../../../../src/runtime/observer/sources/snapshot.ts';
import { buildId, form32, linked, RootFolder, toolOutput, type Content } from './root-folder.ts';

const limits = { max: 256, maxBytes: 1 << 20 };
const full = process.env['FULL'] === '1';
const isRoot = process.getuid?.() === 0;
const whiteout = (path: string): string => toolOutput('mknod', path, 'c', '0', '0');

interface Asked {
  readonly args: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly upper?: string;
}

function ask(lowers: readonly string[], { args, env = [], cwd = '/', upper }: Asked, asked = limits): ObservedSnapshot | Unseen {
  return readSnapshot({ rootfs: { lowers, ...(upper === undefined ? {} : { upper }) }, args, env, cwd }, asked, new FileReader());
}

function askOne(files: Readonly<Record<string, Content>>, asked: Asked): ObservedSnapshot | Unseen {
  using root = new RootFolder(files);
  return ask([root.path], asked);
}

const factsOf = (seen: ObservedSnapshot | Unseen): unknown => ('facts' in seen ? seen.facts : seen);
const idsOf = (seen: ObservedSnapshot | Unseen): unknown => ('libs' in seen ? Object.fromEntries(seen.libs.map(({ path, buildId }) => [path, buildId])) : seen);

describe('the program', () => {
  const app = linked(20);

  test('is found on PATH, in the folder it was started in, and through links that stay inside', () => {
    const seen = { entryTrace: ['/opt/bin/app'], buildId: buildId(20), idKind: 'gnu' };
    const files = { 'opt/bin/app': app, 'usr/bin/app': linked(8), 'bin/other': { to: '/opt/bin/../../../../../opt/bin/app' } };
    expect(factsOf(askOne(files, { args: ['app', '-x'], env: ['PATH=/none:/opt/bin:/usr/bin', 'SECRET=x'] }))).toEqual({ ...seen, entrypoint: ['app', '-x'] });
    expect(factsOf(askOne(files, { args: ['./app'], cwd: '/opt/bin' }))).toMatchObject({ buildId: buildId(20) });
    expect(factsOf(askOne(files, { args: ['bin/app'], cwd: '/opt' }))).toMatchObject(seen);
    expect(factsOf(askOne(files, { args: ['/bin/other'] }))).toMatchObject({ entryTrace: ['/bin/other'], buildId: buildId(20) });
    expect(factsOf(askOne(files, { args: ['app'] }))).toMatchObject({ entryTrace: ['/usr/bin/app'], buildId: buildId(8) });
  });

  test('is not there: no file, no right to execute, a folder, a FIFO, no arguments, no layers', () => {
    using root = new RootFolder({ 'bin/app': app });
    toolOutput('mkfifo', '-m', '755', join(root.path, 'bin/fifo'));
    chmodSync(join(root.path, 'bin/app'), 0o644);
    for (const args of [['/bin/none'], ['/bin/app'], ['/bin'], ['/bin/fifo'], [], [''], ['/bin/app/x'], [`/${'x'.repeat(300)}`], ['/bin\0/app']]) expect(ask([root.path], { args })).toEqual({ idKind: 'exited' });
    expect(ask([join(root.path, 'gone')], { args: ['/bin/app'] })).toEqual({ idKind: 'exited' });
  });

  test('of a script is its interpreter, and it has no build-id', () => {
    const files = { 'app.sh': '#!/bin/sh -e\n', 'app.py': '#!/usr/bin/env python3\n', 'bin/sh': { to: 'dash' }, 'bin/dash': app, 'usr/bin/python3': app, 'usr/bin/env': app, 'loop': '#!/loop\n' };
    expect(factsOf(askOne(files, { args: ['/app.sh'] }))).toEqual({ entrypoint: ['/app.sh'], entryTrace: ['/app.sh', '/bin/sh'], idKind: 'script' });
    expect(factsOf(askOne(files, { args: ['/app.py'] }))).toMatchObject({ entryTrace: ['/app.py', '/usr/bin/python3'], idKind: 'script' });
    expect(factsOf(askOne(files, { args: ['/loop'] }))).toMatchObject({ idKind: 'script' });
  });

  test('that is no ELF file, or has no note, is called stripped', () => {
    for (const content of ['', 'text', Buffer.from('\x7fELF'), app.subarray(0, 70)]) expect(factsOf(askOne({ app: content }, { args: ['/app'] }))).toMatchObject({ idKind: 'stripped' });
  });
});

describe('its libraries', () => {
  const base = { 'lib64/ld.so': linked(4) };
  const interpreterPath = '/lib64/ld.so';

  test('are all that are needed, each once, and circles end', () => {
    const files = { ...base, 'app': linked(20, ['liba.so', 'libb.so'], { interpreterPath }), 'usr/lib/liba.so': linked(8, ['libb.so', 'libc.so']), 'usr/lib/libb.so': { to: 'libb.so.1' }, 'usr/lib/libb.so.1': linked(16, ['liba.so', 'libgone.so']), 'lib/libc.so': linked(32), 'lib/unused.so': linked(64) };
    expect(idsOf(askOne(files, { args: ['/app'] }))).toEqual({ '/lib/libc.so': buildId(32), '/lib64/ld.so': buildId(4), '/usr/lib/liba.so': buildId(8), '/usr/lib/libb.so.1': buildId(16) });
  });

  test('are looked for where the file says, the environment, ld.so.conf, and then the system', () => {
    const app = (runpath?: string): Buffer => linked(20, ['liba.so'], { interpreterPath, ...(runpath === undefined ? {} : { runpath }) });
    const files = { ...base, 'opt/app/lib/liba.so': linked(8), 'env/liba.so': linked(16), 'conf/liba.so': linked(32), 'usr/lib/liba.so': linked(64), 'etc/ld.so.conf': '# all\ninclude ld.so.conf.d/*.conf\n', 'etc/ld.so.conf.d/a.conf': '/conf # mine\n', 'etc/ld.so.conf.d/b.txt': '/env\n' };
    const libOf = (program: Buffer, env: readonly string[] = [], more: object = {}): unknown => {
      const ids = idsOf(askOne({ ...files, 'opt/app/bin': program, ...more }, { args: ['/opt/app/bin'], env })) as Record<string, string>;
      return Object.keys(ids).find((path) => path.endsWith('liba.so'));
    };
    expect(libOf(app('/none:$ORIGIN/lib'))).toBe('/opt/app/lib/liba.so');
    expect(libOf(app('${ORIGIN}/../app/lib'))).toBe('/opt/app/lib/liba.so');
    expect(libOf(app(), ['LD_LIBRARY_PATH=/env'])).toBe('/env/liba.so');
    expect(libOf(app())).toBe('/conf/liba.so');
    expect(libOf(app('/wrong'), [], { 'wrong/liba.so': linked(8, [], {}, form32), 'conf/liba.so': 'text' })).toBe('/usr/lib/liba.so');
  });

  test('of musl are looked for as musl does it', () => {
    const interpreterPath = '/lib/ld-musl-x86_64.so.1';
    const files = { 'lib/ld-musl-x86_64.so.1': linked(4), 'lib/libc.musl-x86_64.so.1': { to: 'ld-musl-x86_64.so.1' }, 'app': linked(20, ['libz.so.1', 'libc.musl-x86_64.so.1'], { interpreterPath }), 'usr/local/lib/libz.so.1': linked(8), 'mine/libz.so.1': linked(16) };
    expect(idsOf(askOne(files, { args: ['/app'] }))).toEqual({ '/lib/ld-musl-x86_64.so.1': buildId(4), '/usr/local/lib/libz.so.1': buildId(8) });
    expect(idsOf(askOne({ ...files, 'etc/ld-musl-x86_64.path': '/mine:/lib\n' }, { args: ['/app'] }))).toMatchObject({ '/mine/libz.so.1': buildId(16) });
  });

  test('that are preloaded count, and a static program has none', () => {
    const files = { ...base, 'app': linked(20, [], { interpreterPath }), 'evil.so': linked(8), 'worse.so': linked(16), 'etc/ld.so.preload': '/worse.so\n', 'static': linked(20, [], { interpreterPath: '' }) };
    expect(idsOf(askOne(files, { args: ['/app'], env: ['LD_PRELOAD=/evil.so'] }))).toEqual({ '/evil.so': buildId(8), '/lib64/ld.so': buildId(4), '/worse.so': buildId(16) });
    expect(idsOf(askOne(files, { args: ['/static'], env: ['LD_PRELOAD=/evil.so'] }))).toEqual({});
  });

  test('are as many as allowed, and large ones are not hashed', () => {
    using root = new RootFolder({ ...base, 'app': linked(20, ['liba.so', 'libb.so'], { interpreterPath }), 'lib/liba.so': linked(8), 'lib/libb.so': Buffer.concat([linked(16), Buffer.alloc(5000)]) });
    const libs = (max: number, maxBytes: number): unknown => {
      const seen = ask([root.path], { args: ['/app'] }, { max, maxBytes });
      return 'libs' in seen ? seen.libs.map(({ path, sha256 }) => [path, sha256?.length]) : seen;
    };
    expect(libs(256, 4096)).toEqual([['/lib/liba.so', 64], ['/lib/libb.so', undefined], ['/lib64/ld.so', 64]]);
    expect(libs(2, 4096)).toEqual([['/lib/liba.so', 64], ['/lib64/ld.so', 64]]);
    expect(libs(0, 4096)).toEqual([]);
    expect(libs(256, 0)).toEqual([['/lib/liba.so', undefined], ['/lib/libb.so', undefined], ['/lib64/ld.so', undefined]]);
  });

  test('do not make an event too large for a batch, however long their paths are', () => {
    const folder = Array.from({ length: 15 }, () => 'x'.repeat(240)).join('/');
    const names = Array.from({ length: 60 }, (_, at) => `lib${at}.so`);
    using root = new RootFolder({ ...base, app: linked(20, names, { interpreterPath, runpath: `/${folder}` }), ...Object.fromEntries(names.map((name) => [`${folder}/${name}`, linked(8)])) });
    const seen = ask([root.path], { args: ['/app'] });
    const paths = 'libs' in seen ? seen.libs.map(({ path }) => path) : [];
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.join('').length).toBeLessThan(128 * 1024 + 100);
  });

  test('of this machine are those that its own linker names', () => {
    const seen = ask(['/'], { args: [process.execPath] });
    const told = toolOutput('ldd', process.execPath).split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
    expect(told.length).toBeGreaterThan(3);
    expect(('libs' in seen ? seen.libs : []).map(({ path }) => path)).toEqual([...new Set(told.map((path) => realpathSync(path)))].sort());
  });
});

describe('an overlay', () => {
  test('shows the uppermost file, and the folders of all layers as one', () => {
    using upper = new RootFolder({ 'bin/app': linked(20) });
    using middle = new RootFolder({ 'bin/app': linked(8), 'bin/tool': linked(16), 'etc': 'a file hides the folder below' });
    using lowest = new RootFolder({ 'bin/base': linked(32), 'etc/passwd': 'x', 'usr/bin': { to: '../bin' } });
    using tree = new RootTree([upper.path, middle.path, lowest.path]);
    expect(['/bin/app', '/bin/tool', '/usr/bin/base', '/etc/passwd', '/etc'].map((path) => tree.find(path)).map((found) => found && [found.path, found.layer])).toEqual([['/bin/app', 0], ['/bin/tool', 1], ['/bin/base', 2], null, ['/etc', 1]]);
    expect(tree.list('/bin')).toEqual(['app', 'base', 'tool']);
  });

  test.runIf(isRoot)('does not show what was deleted in a layer above', () => {
    using upper = new RootFolder({ 'opt/x': 'x' });
    using lower = new RootFolder({ 'bin/app': linked(20), 'opt/y': 'y', 'usr/z': 'z' });
    whiteout(join(upper.path, 'bin'));
    whiteout(join(upper.path, 'opt/y'));
    using tree = new RootTree([upper.path, lower.path]);
    expect(['/bin/app', '/opt/x', '/opt/y', '/usr/z'].map((path) => tree.find(path)?.layer)).toEqual([undefined, 0, undefined, 1]);
  });

  test('tells new and changed programs from those of the image, by content', () => {
    const ld = linked(4);
    const app = linked(20, ['liba.so', 'libb.so', 'libc.so'], { interpreterPath: '/lib/ld.so' });
    using upper = new RootFolder({ 'lib/liba.so': linked(8), 'lib/libb.so': linked(16), 'lib/ld.so': ld });
    using lower = new RootFolder({ app, 'lib/ld.so': ld, 'lib/liba.so': linked(9), 'lib/libc.so': linked(32) });
    const seen = ask([lower.path], { args: ['/app'], upper: upper.path });
    expect('drift' in seen && seen.drift).toEqual([{ path: '/lib/liba.so', change: 'changed' }, { path: '/lib/libb.so', change: 'new' }]);
    expect(ask([lower.path], { args: ['/app'] })).toMatchObject({ drift: [] });
  });
});

describe('a hostile root', () => {
  test('is never left, whatever its links say', () => {
    using outside = new RootFolder({ 'secret': linked(20) });
    const name = fc.constantFrom('a', 'b', 'c', '..', '.', '', 'secret', outside.path.slice(1));
    const target = fc.tuple(fc.constantFrom('', '/', '../../../../..', `${outside.path}/`, '/proc/self/root/'), fc.array(name, { maxLength: 4 })).map(([start, names]) => start + names.join('/'));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b'), target.filter((text) => text !== ''), { maxKeys: 5 }), fc.array(name, { maxLength: 6 }), (links, path) => {
      using root = new RootFolder(Object.fromEntries(Object.entries(links).map(([at, to]) => [at, { to }])));
      using tree = new RootTree([root.path]);
      expect(tree.find(path.join('/'))).toBeNull();
    }), { numRuns: full ? 5000 : 60 });
  });

  test('with a circle of links, or a chain without an end, gives nothing', () => {
    using root = new RootFolder({ a: { to: 'b' }, b: { to: 'a' }, grow: { to: 'grow/grow' } });
    using tree = new RootTree([root.path]);
    expect(['/a', '/grow', '/a/x', `${'/.'.repeat(2000)}/a`, '/x'.repeat(5000)].map((path) => tree.find(path))).toEqual([null, null, null, null, null]);
  });

  test('that swaps a folder for a link while it is walked is not left', () => {
    using outside = new RootFolder({ 'app': linked(8) });
    using root = new RootFolder({ 'bin/app': linked(20) });
    using tree = new RootTree([root.path]);
    const found = tree.find('/bin/app');
    renameSync(join(root.path, 'bin'), join(root.path, 'old'));
    symlinkSync(outside.path, join(root.path, 'bin'));
    using file = found!.open();
    expect(file?.stat.ino).toBe(found!.stat.ino);
    rmSync(join(root.path, 'old/app'));
    mkdirSync(join(root.path, 'old/app'));
    expect(tree.find('/bin/app')?.open() ?? null).toBeNull();
    rmSync(join(root.path, 'old/app'), { recursive: true });
    writeFileSync(join(root.path, 'old/app'), 'another');
    expect(found!.open()).toBeNull();
  });

  test('whose programs are broken in every way still gives an answer', () => {
    const whole = linked(20, ['liba.so'], { interpreterPath: '/lib/ld.so', runpath: '$ORIGIN/..' });
    using root = new RootFolder({ 'lib/ld.so': linked(4), 'lib/liba.so': linked(8) });
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), fc.nat(whole.length), (changes, cut) => {
      const broken = Buffer.from(whole);
      for (const [at, value] of changes) broken[at] = value;
      root.put('app', broken.subarray(0, cut % 7 === 0 ? cut : whole.length));
      expect(factsOf(ask([root.path], { args: ['/app'] }))).toMatchObject({ entryTrace: expect.any(Array) });
    }), { numRuns: full ? 5000 : 100 });
  });
});
