/** Processes in a real overlay, in a mount namespace of their own: where it may be made, for it takes root. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FileReader } from '../../../../src/runtime/observer/sources/executable.ts';
import { readProcess } from '../../../../src/runtime/observer/sources/proc.ts';
import type { ObservedProcess } from '../../../../src/runtime/observer/sources/process-facts.ts';
import { readSnapshot } from '../../../../src/runtime/observer/sources/snapshot.ts';
import { RootFolder, toolOutput } from './root-folder.ts';

const libraries = { max: 256, maxBytes: 32 << 20 };
const mount = 'mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && mkdir -p merged/volume && mount -t tmpfs none merged/volume && mkdir -p merged/old && cd merged && pivot_root . old';
/** A mount namespace of its own. */
const unshare = 'unshare';
const inNamespace = (...command: readonly string[]): readonly string[] => ['-m', ...command];
const canMount = ((): boolean => {
  using folder = new RootFolder({ 'lower/x': 'x' });
  for (const name of ['upper', 'work', 'merged']) mkdirSync(join(folder.path, name));
  return spawnSync(unshare, inNamespace('sh', '-c', mount), { cwd: folder.path }).status === 0;
})();

/** An image with sleep, and a container of it. */
class Container implements AsyncDisposable {
  readonly folder = new RootFolder();
  child: ChildProcess | undefined;
  #args: readonly string[] = [];

  constructor() {
    for (const name of ['upper', 'work', 'merged', 'lower']) mkdirSync(join(this.folder.path, name));
    const loaded = toolOutput('ldd', '/bin/sleep').split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
    for (const path of ['/bin/sleep', '/bin/sh', '/bin/cp', '/bin/rm', ...loaded]) {
      this.#copy(path, 'lower', path);
      if (path.startsWith('/bin/')) for (const line of toolOutput('ldd', path).split('\n')) {
        const library = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
        if (library !== undefined) this.#copy(library, 'lower', library);
      }
    }
  }

  /** Runs a shell script in it, and gives what is seen of it when it has become sleep. */
  async see(script: string, became: RegExp): Promise<ObservedProcess> {
    this.#args = ['/bin/sh', '-c', script];
    this.child = spawn(unshare, inNamespace('sh', '-c', `${mount} && exec /bin/sh -c "$0"`, script), { cwd: this.folder.path, stdio: 'ignore' });
    for (let looks = 0; looks < 400; looks++) {
      const seen = await this.look();
      // That one may have begun before it was.
      if (seen.evidence.some(({ value }) => became.test(value))) return await this.look();
      await sleep(5);
    }
    throw new Error(`it did not become ${became}`);
  }

  async look(): Promise<ObservedProcess> {
    const seen = await readProcess(this.child?.pid ?? 0, { args: this.#args, rootfs: this.rootfs }, { procRoot: '/proc', libraries, reader: new FileReader() });
    if (!('facts' in seen)) throw new Error(`it is ${seen.idKind}`);
    return seen;
  }

  get rootfs(): { readonly upper: string; readonly lowers: readonly string[] } {
    return { upper: join(this.folder.path, 'upper'), lowers: [join(this.folder.path, 'lower')] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.child && once(this.child, 'exit');
    this.child?.kill('SIGKILL');
    await ended;
    this.folder[Symbol.dispose]();
  }

  #copy(path: string, layer: string, to: string): void {
    const at = join(this.folder.path, layer, to);
    mkdirSync(dirname(at), { recursive: true });
    copyFileSync(path, at);
  }
}

const sleeps = /^\/bin\/sleep/;

test.runIf(canMount)('a program of the image is no drift, and its libraries are the image\'s', async () => {
  await using it = new Container();
  const seen = await it.see('exec /bin/sleep 30', sleeps);
  expect(seen).toMatchObject({ drift: [], facts: { idKind: 'gnu' } });
  // Between them there may be the shell that made the mounts.
  expect([seen.facts.entryTrace[0], seen.facts.entryTrace.at(-1)]).toEqual(['/bin/sh', '/bin/sleep']);
  expect(seen.libs.length).toBeGreaterThan(1);
  expect(seen.libs.every(({ sha256, buildId }) => sha256 !== undefined && buildId !== undefined)).toBe(true);
  const gone = readSnapshot({ rootfs: it.rootfs, args: ['/bin/sleep', '30'], env: [], cwd: '/' }, libraries, new FileReader());
  expect(gone).toMatchObject({ facts: { buildId: seen.facts.buildId }, drift: [] });
  expect('libs' in gone && gone.libs.map(({ path, buildId, sha256 }) => ({ path, buildId, sha256 }))).toEqual(seen.libs.map(({ path, buildId, sha256 }) => ({ path, buildId, sha256 })));
});

test.runIf(canMount).each([
  ['dropped and run', '/bin/cp /bin/sleep /dropped; exec /dropped 30', /^\/dropped$/, [{ path: '/dropped', change: 'new' }]],
  ['replaced', 'echo >> /bin/sleep; exec /bin/sleep 30', sleeps, [{ path: '/bin/sleep', change: 'changed' }]],
  ['written anew with the same content', '/bin/cp /bin/sleep /x; /bin/cp /x /bin/sleep; exec /bin/sleep 30', sleeps, []],
  ['on a volume', '/bin/cp /bin/sleep /volume/mine; exec /volume/mine 30', /^\/volume\/mine$/, []],
])('a program that is %s is drift or not', async (_, script, became, drift) => {
  await using it = new Container();
  expect((await it.see(script, became)).drift).toEqual(drift);
});

test.runIf(canMount).each([
  ['of the image', 'exec /bin/sleep 30', '/bin/sleep', []],
  ['dropped into the container', '/bin/cp /bin/sleep /dropped; exec /dropped 30', '/dropped', [{ path: '/dropped', change: 'new' }]],
])('a program %s that is deleted while it runs is still read', async (_, script, path, drift) => {
  await using it = new Container();
  const before = await it.see(script, new RegExp(`^${path}$`));
  rmSync(`/proc/${it.child?.pid}/root${path}`);
  const seen = await it.look();
  expect(seen).toMatchObject({ facts: { buildId: before.facts.buildId }, drift, evidence: expect.arrayContaining([{ signal: 'procfs.exe', value: `${path} (deleted)` }]) });
  expect(seen.facts.entryTrace).toEqual(['/bin/sh', path]);
});

test.runIf(canMount)('a program whose owner or times alone were changed is no drift', async () => {
  await using it = new Container();
  copyFileSync(join(it.folder.path, 'lower/bin/sleep'), (mkdirSync(join(it.folder.path, 'upper/bin')), join(it.folder.path, 'upper/bin/sleep')));
  utimesSync(join(it.folder.path, 'upper/bin/sleep'), 1, 1);
  writeFileSync(join(it.folder.path, 'upper/bin/unused'), 'x');
  rmSync(join(it.folder.path, 'upper/bin/unused'));
  expect((await it.see('exec /bin/sleep 30', sleeps)).drift).toEqual([]);
});
