/** Real processes of this test, and a proc file system of plain files for what cannot be made to happen. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FileReader } from '../../../../src/runtime/observer/sources/executable.ts';
import { readProcess } from '../../../../src/runtime/observer/sources/proc.ts';
import type { ObservedProcess, Unseen, WantedProcess } from '../../../../src/runtime/observer/sources/process-facts.ts';
import { FakeProc } from './fake-proc.ts';
import { buildId, linked, RootFolder, toolOutput } from './root-folder.ts';

const libraries = { max: 256, maxBytes: 32 << 20 };
const read = (pid: number, wanted: WantedProcess = {}, procRoot = '/proc', asked = libraries): Promise<ObservedProcess | Unseen> => readProcess(pid, wanted, { procRoot, libraries: asked, reader: new FileReader() });
const sleepAt = realpathSync(toolOutput('which', 'sleep'));
const shAt = realpathSync('/bin/sh');

/** A process of the test's own, ended with it. */
class Running implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;

  constructor(program: string, args: readonly string[], argv0 = program) {
    this.child = spawn(program, args, { stdio: 'ignore', argv0 });
    this.pid = this.child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    for (const pid of [...childrenOf(this.pid), this.pid]) process.kill(pid, 'SIGKILL');
    await ended;
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((word) => word !== '').map(Number);
}

/** Seen when the process is the program that it is to become. */
async function readWhen(pid: number, wanted: WantedProcess, isIt: (seen: ObservedProcess) => boolean): Promise<ObservedProcess> {
  for (let looks = 0; looks < 2000; looks++) {
    const seen = await read(pid, wanted);
    if (!('facts' in seen)) throw new Error(`it is ${seen.idKind}`);
    if (isIt(seen)) return seen;
    await sleep(5);
  }
  throw new Error('it did not become what it was to become');
}

/** A line of maps: code of a file below the root, or of one that is not there by its number. */
function mapsLine(root: RootFolder, path: string, inode = statSync(join(root.path, path)).ino): string {
  const { dev } = statSync(root.path);
  return `7f00-7f10 r-xp 00000000 ${((dev >> 8) & 0xfff).toString(16).padStart(2, '0')}:${((dev & 0xff) | ((dev >> 12) & 0xfff00)).toString(16).padStart(2, '0')} ${inode}   ${path}\n`;
}

const isAt = (path: string) => ({ evidence }: ObservedProcess): boolean => evidence.some(({ value }) => value === path);
const readelfId = (path: string): string | undefined => /Build ID: ([0-9a-f]+)/.exec(toolOutput('readelf', '-n', path))?.[1];
const pythonAt = spawnSync('python3', ['-c', 'import os, sys; os.memfd_create; print(os.path.realpath(sys.executable))'], { encoding: 'utf8' }).stdout?.trim();
const full = process.env['FULL'] === '1';
const hasGo = full && spawnSync('go', ['version']).status === 0;

describe('a real process', () => {
  test('is named by its ids, its start, and the libraries that the kernel has mapped for it', async () => {
    const seen = await read(process.pid);
    expect(seen).toMatchObject({ bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), drift: [], facts: { pid: process.pid, idKind: 'gnu', startTime: Number(readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[19]) } });
    if (!('facts' in seen)) return;
    const mapped = readFileSync('/proc/self/maps', 'utf8').split('\n').flatMap((line) => (/ r-xp .* (\/.*\.so[.\d]*)$/.exec(line)?.[1] ?? []));
    expect(seen.libs.map(({ path }) => path)).toEqual(expect.arrayContaining([...new Set(mapped)]));
    expect(seen.libs.map(({ path }) => path)).toEqual(seen.libs.map(({ path }) => path).sort());
    for (const { path, inode, sha256 } of seen.libs) {
      expect(inode).toBe(statSync(path).ino);
      expect(sha256).toBe(toolOutput('sha256sum', path).slice(0, 64));
    }
  });

  test('has the build-id that readelf finds in its exe', async () => {
    await using it = new Running(sleepAt, ['30']);
    const seen = await readWhen(it.pid, {}, isAt(sleepAt));
    expect(seen.facts).toMatchObject({ entrypoint: [sleepAt, '30'], entryTrace: [sleepAt], buildId: readelfId(`/proc/${it.pid}/exe`) });
    expect(seen.evidence).toContainEqual({ signal: 'procfs.maps', value: `${seen.libs.length + 1} mappings` });
  });

  test('that a shell became says how it came to be', async () => {
    const args = ['/bin/sh', '-c', `exec ${sleepAt} 30`];
    await using it = new Running('/bin/sh', args.slice(1));
    expect((await readWhen(it.pid, { args }, isAt(sleepAt))).facts).toMatchObject({ entrypoint: args, entryTrace: ['/bin/sh', sleepAt], idKind: 'gnu' });
  });

  test('of a script is its interpreter without a build-id, and what the script runs now is in the trace', async () => {
    using root = new RootFolder({ 'run.sh': `#!/bin/sh\n${sleepAt} 30\n:\n` });
    const script = join(root.path, 'run.sh');
    await using it = new Running(script, []);
    for (const wanted of [{}, { args: [script] }]) {
      const seen = await readWhen(it.pid, wanted, ({ facts }) => facts.entryTrace.at(-1) === sleepAt);
      expect(seen.facts).toMatchObject({ pid: it.pid, idKind: 'script' });
      expect(seen.facts.entryTrace).toEqual([script, 'args' in wanted ? '/bin/sh' : shAt, sleepAt]);
      expect(seen.facts).not.toHaveProperty('buildId');
    }
  });

  test('behind an init is the one that the init is there for, unless it is asked for itself', async () => {
    using root = new RootFolder();
    const init = join(root.path, 'tini');
    copyFileSync(shAt, init);
    await using it = new Running(init, ['-c', `${sleepAt} 30; :`]);
    const seen = await readWhen(it.pid, {}, isAt(sleepAt));
    expect(seen.facts).toMatchObject({ pid: childrenOf(it.pid)[0], entryTrace: [init, sleepAt], entrypoint: [init, '-c', `${sleepAt} 30; :`] });
    expect(seen.evidence).toContainEqual({ signal: 'procfs.init', value: `${it.pid} ${init}` });
    expect(await read(it.pid, { follow: false })).toMatchObject({ facts: { pid: it.pid, entryTrace: [init, sleepAt] } });
  });

  test('whose file was deleted, or that calls itself otherwise, is still read', async () => {
    using root = new RootFolder();
    const program = join(root.path, 'gone');
    copyFileSync(sleepAt, program);
    await using it = new Running(program, ['30'], 'runc init');
    await readWhen(it.pid, {}, isAt(program));
    rmSync(program);
    expect(await read(it.pid)).toMatchObject({ facts: { entrypoint: ['runc init', '30'], entryTrace: [program], buildId: readelfId(sleepAt) }, evidence: expect.arrayContaining([{ signal: 'procfs.exe', value: `${program} (deleted)` }]) });
  });

  test('that is gone is said to be', async () => {
    const child = spawn(sleepAt, ['30'], { stdio: 'ignore' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await read(child.pid ?? 0)).toEqual({ idKind: 'exited' });
    expect(await read(0)).toEqual({ idKind: 'exited' });
  });

  test.runIf(pythonAt)('without any file is read, and is drift', async () => {
    const code = `import os\nwith open('${sleepAt}', 'rb') as f: b = f.read()\nd = os.memfd_create('payload', os.MFD_CLOEXEC)\nos.write(d, b)\nos.execve(d, ['sleep', '30'], {})`;
    await using it = new Running(pythonAt!, ['-c', code]);
    using nothing = new RootFolder();
    const seen = await readWhen(it.pid, { rootfs: { upper: nothing.path, lowers: [nothing.path] } }, isAt('/memfd:payload (deleted)'));
    expect(seen).toMatchObject({ facts: { buildId: readelfId(sleepAt), idKind: 'gnu' }, drift: [{ path: 'memfd:payload', change: 'new' }] });
  });

  test.runIf(hasGo)('of Go has the build-id of Go, and no libraries', async () => {
    using root = new RootFolder({ 'go.mod': 'module x\n', 'main.go': 'package main\nimport "time"\nfunc main() { time.Sleep(30 * time.Second) }\n' });
    execFileSync('go', ['build', '-ldflags=-B none', '-o', 'app', '.'], { cwd: root.path, env: { ...process.env, CGO_ENABLED: '0' } });
    await using it = new Running(join(root.path, 'app'), []);
    expect(await readWhen(it.pid, {}, isAt(join(root.path, 'app')))).toMatchObject({ facts: { idKind: 'go', goBuildId: toolOutput('go', 'tool', 'buildid', join(root.path, 'app')) }, libs: [] });
  });

  test('of the writable layer is drift when it is not the image\'s own content', async () => {
    await using it = new Running(sleepAt, ['30']);
    await readWhen(it.pid, {}, isAt(sleepAt));
    const copies = ({ libs }: ObservedProcess): string[] => [sleepAt, ...libs.map(({ path }) => path)].sort();
    const drift = async (lower: string): Promise<unknown> => {
      const seen = await read(it.pid, { rootfs: { upper: '/', lowers: [lower] } });
      return 'drift' in seen && seen.drift;
    };
    const seen = await read(it.pid);
    if (!('facts' in seen)) throw new Error(`it is ${seen.idKind}`);
    using image = new RootFolder();
    expect(await drift(image.path)).toEqual(copies(seen).map((path) => ({ path, change: 'new' })));
    for (const path of copies(seen)) {
      mkdirSync(dirname(join(image.path, path)), { recursive: true });
      copyFileSync(path, join(image.path, path));
    }
    expect(await drift(image.path)).toEqual([]);
    image.put(sleepAt, Buffer.concat([readFileSync(sleepAt).subarray(1), Buffer.from('x')]));
    expect(await drift(image.path)).toEqual([{ path: sleepAt, change: 'changed' }]);
  });
});

describe('a process on paper', () => {
  const app = linked(20, [], { interpreterPath: '' });

  test('is waited for while it is the runtime\'s own, for a time', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ 'usr/bin/runc': linked(8), 'bin/app': app });
    const [runc, program] = [join(root.path, 'usr/bin/runc'), join(root.path, 'bin/app')];
    proc.set(7, { name: 'runc:[2:INIT]', exe: runc, args: ['runc', 'init'] });
    // Else any program would hide by such a name.
    expect(await read(7, { runtimeWaitMsMax: 10 }, proc.path)).toMatchObject({ facts: { pid: 7, buildId: buildId(8), entryTrace: [runc] } });
    for (const exe of [runc, '/']) {
      proc.set(7, { exe });
      const seen = read(7, {}, proc.path);
      await sleep(10);
      proc.set(7, { exe: program });
      expect(await seen).toMatchObject({ facts: { pid: 7, startTime: 4711, buildId: buildId(20), entryTrace: [program] } });
    }
  });

  test('is another when its start is another, and has ended when it is a zombie', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ sh: linked(8), app });
    proc.set(7, { exe: join(root.path, 'sh') });
    const seen = read(7, { programWaitMsMax: 60_000 }, proc.path);
    await sleep(10);
    proc.set(7, { exe: join(root.path, 'app'), startTime: 4712 });
    expect(await seen).toEqual({ idKind: 'exited' });
    proc.set(7, { exe: join(root.path, 'app'), state: 'Z' });
    expect(await read(7, {}, proc.path)).toEqual({ idKind: 'exited' });
  });

  test('has the libraries whose device and inode are the mapped ones, and none behind a link', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ app, 'lib/a.so': linked(8), 'lib/b.so': linked(16), 'lib/c.so': { to: 'a.so' }, 'lib/data': 'no library' });
    const line = (path: string, inode?: number): string => mapsLine(root, path, inode);
    const maps = `${line('/lib/b.so', 4_000_000_001)}${line('/lib/a.so')}${line('/lib/data')}${line('/gone.so (deleted)', 4_000_000_002)}${line('/memfd:jit (deleted)', 4_000_000_003)}7f00-7f10 r-xp 00000000 00:00 0 [vdso]\n`;
    proc.set(7, { exe: join(root.path, 'app'), root: root.path, maps });
    const seen = await read(7, {}, proc.path);
    expect('libs' in seen && seen.libs.map(({ path, buildId, sha256 }) => [path, buildId, sha256?.length])).toEqual([['/gone.so', undefined, undefined], ['/lib/a.so', buildId(8), 64], ['/lib/b.so', undefined, undefined]]);
    const few = await read(7, {}, proc.path, { max: 1, maxBytes: 0 });
    expect('libs' in few && few.libs).toEqual([{ path: '/gone.so', inode: 4_000_000_002 }]);
  });

  test('has both files of one path, when one took the place of the other while it ran', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ app, 'lib/a.so': linked(8) });
    proc.set(7, { exe: join(root.path, 'app'), root: root.path, maps: mapsLine(root, '/lib/a.so') + mapsLine(root, '/lib/a.so (deleted)', 4_000_000_001) });
    const seen = await read(7, {}, proc.path);
    expect('libs' in seen && seen.libs.map(({ path, buildId }) => [path, buildId])).toEqual([['/lib/a.so', buildId(8)], ['/lib/a.so', undefined]]);
  });

  test('that has not been given the time to map its libraries has those that its linker will find', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ 'app': linked(20, ['a.so', 'b.so'], { interpreterPath: '/lib64/ld.so' }), 'lib64/ld.so': linked(4), 'lib/a.so': linked(8, ['c.so']), 'opt/b.so': linked(16), 'lib/c.so': linked(12) });
    proc.set(7, { exe: join(root.path, 'app'), root: root.path, maps: mapsLine(root, '/lib64/ld.so') });
    const seen = await read(7, { env: ['LD_LIBRARY_PATH=/opt'] }, proc.path);
    expect('libs' in seen && seen.libs.map(({ path, buildId, sha256 }) => [path, buildId, sha256?.length])).toEqual([['/lib/a.so', buildId(8), 64], ['/lib/c.so', buildId(12), 64], ['/lib64/ld.so', buildId(4), 64], ['/opt/b.so', buildId(16), 64]]);
    expect(seen).toMatchObject({ evidence: expect.arrayContaining([{ signal: 'procfs.maps', value: '1 mappings' }, { signal: 'snapshot.libraries', value: '4 files' }]) });
    // Mapped meanwhile: nothing is to be looked for.
    const later = read(7, { programWaitMsMax: 1000 }, proc.path);
    await sleep(10);
    proc.put('7/maps', ['/lib64/ld.so', '/lib/a.so', '/lib/c.so', '/opt/b.so'].map((path) => mapsLine(root, path)).join(''));
    expect(((await later) as ObservedProcess).evidence.map(({ signal }) => signal)).not.toContain('snapshot.libraries');
  });

  test('expects libraries in the room that those leave which are mapped', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ 'app': linked(20, ['a.so', 'b.so', 'c.so'], { interpreterPath: '/lib64/ld.so' }), 'lib64/ld.so': linked(4), ...Object.fromEntries(['a', 'b', 'c'].map((name) => [`lib/${name}.so`, linked(8)])), 'opt/z.so': linked(16) });
    proc.set(7, { exe: join(root.path, 'app'), root: root.path, maps: mapsLine(root, '/lib64/ld.so') + mapsLine(root, '/opt/z.so') });
    const seen = await read(7, {}, proc.path, { max: 3, maxBytes: 1 << 20 });
    expect('libs' in seen && seen.libs.map(({ path }) => path)).toEqual(['/lib/a.so', '/lib64/ld.so', '/opt/z.so']);
  });

  test('is no library of its own, also when it was unlinked after its link was read', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ app, 'lib/a.so': linked(8) });
    const exe = join(root.path, 'app');
    for (const mark of ['', ' (deleted)']) {
      proc.set(7, { exe, maps: `${mapsLine(root, `${exe}${mark}`, statSync(exe).ino)}${mapsLine(root, '/lib/a.so', 4_000_000_001)}` });
      const seen = await read(7, {}, proc.path);
      expect('libs' in seen && seen.libs.map(({ path }) => path)).toEqual(['/lib/a.so']);
    }
  });

  test('that may not be read is said to be so', async () => {
    using proc = new FakeProc();
    proc.set(7, { exe: join(proc.path, 'loop') });
    proc.link('loop', join(proc.path, 'loop'));
    expect(await read(7, {}, proc.path)).toEqual({ idKind: 'unreadable' });
    proc.set(8, { exe: '/dev/null' });
    expect(await read(8, {}, proc.path)).toEqual({ idKind: 'unreadable' });
  });

  test('in any text whatever gives an answer', async () => {
    using proc = new FakeProc();
    using root = new RootFolder({ app });
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('(', ')', ' ', 'S', '1', '/', '\0', '\n', '-', 'x', 'r') }), fc.constant('x'.repeat(100_000)));
    await fc.assert(fc.asyncProperty(fc.constantFrom('7/stat', '7/cmdline', '7/maps', '7/task/7/children'), text, async (name, content) => {
      proc.set(7, { exe: join(root.path, 'app'), root: root.path });
      proc.put(name, content);
      const seen = await read(7, { programWaitMsMax: 0, runtimeWaitMsMax: 0 }, proc.path);
      expect('facts' in seen ? seen.facts.buildId : seen.idKind).toMatch(name === '7/stat' ? /^[0-9a-f]{40}$|^exited$/ : /^[0-9a-f]{40}$/);
      expect(JSON.stringify(seen).length).toBeLessThan(20_000);
    }), { numRuns: full ? 2000 : 60 });
  });
});
