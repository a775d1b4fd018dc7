/** The facts worker as a thread of its own, with processes that hang it, end it and eat its memory. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { FactsReader, type FactsOptions } from '../../../../src/runtime/observer/sources/facts-reader.ts';
import { FakeProc } from './fake-proc.ts';
import { buildId, linked, RootFolder } from './root-folder.ts';

const program = new URL('./facts-program.ts', import.meta.url);
const [hangs, ends, eats] = [1_000_001, 1_000_002, 1_000_003];

class Reading implements AsyncDisposable {
  readonly proc = new FakeProc();
  readonly root = new RootFolder({ app: linked(20, [], { interpreterPath: '' }) });
  readonly lost: string[] = [];
  readonly facts: FactsReader;

  constructor(options: Partial<FactsOptions> = {}) {
    this.facts = new FactsReader({ program, procRoot: this.proc.path, libraries: { max: 256, maxBytes: 1 << 20 }, heapMiB: 32, onFailure: ({ message }) => this.lost.push(message), ...options });
  }

  /** Asks for processes that are all there, in this order. */
  async ask(...pids: readonly number[]): Promise<string[]> {
    for (const pid of pids) this.proc.set(pid, { exe: join(this.root.path, 'app'), root: this.root.path });
    const seen = await Promise.all(pids.map((pid) => this.facts.process(pid)));
    return seen.map((one) => ('facts' in one ? `${one.facts.pid} ${one.facts.buildId}` : one.idKind));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.facts.close();
    this.proc[Symbol.dispose]();
    this.root[Symbol.dispose]();
  }
}

const seen = (pid: number): string => `${pid} ${buildId(20)}`;

test('processes and snapshots are read in the worker', async () => {
  await using it = new Reading();
  const pids = Array.from({ length: 50 }, (_, index) => index + 1);
  expect(await it.ask(...pids)).toEqual(pids.map(seen));
  expect(await it.facts.snapshot({ lowers: [it.root.path] }, ['/app'], ['SECRET=x'], '/')).toMatchObject({ facts: { entryTrace: ['/app'], buildId: buildId(20) } });
  expect(await it.facts.process(99)).toEqual({ idKind: 'exited' });
  expect(it.lost).toEqual([]);
});

test('a process that hangs the worker is the only one without an answer', async () => {
  await using it = new Reading({ deadlineMs: 700 });
  expect(await it.ask(1, 2, hangs, 3, ...Array.from({ length: 20 }, (_, index) => 10 + index))).toEqual([seen(1), seen(2), 'unreadable', seen(3), ...Array.from({ length: 20 }, (_, index) => seen(10 + index))]);
  expect(it.lost).toEqual(Array(2).fill('the facts worker did not answer in 700 ms'));
  expect(await it.ask(4)).toEqual([seen(4)]);
});

test('so is one that ends it, and one that eats its memory', async () => {
  await using it = new Reading({ deadlineMs: 30_000 });
  expect(await it.ask(ends, 1, eats, 2)).toEqual(['unreadable', seen(1), 'unreadable', seen(2)]);
  expect(it.lost.length).toBeGreaterThan(2);
});

test('a program that does not run answers so, and not never', async () => {
  using folder = new RootFolder();
  const broken = join(folder.path, 'broken.mjs');
  writeFileSync(broken, 'throw new Error("broken");');
  await using it = new Reading({ program: pathToFileURL(broken) });
  expect(await it.ask(1, 2, 3)).toEqual(['unreadable', 'unreadable', 'unreadable']);
  expect(it.lost).toContain('broken');
});

test('what is asked when it is closed, or later, gets an answer too', async () => {
  await using it = new Reading();
  const answers = it.ask(hangs, 1);
  await it.facts.close();
  expect(await answers).toEqual(['unreadable', 'unreadable']);
  expect(await it.ask(1)).toEqual(['unreadable']);
});
