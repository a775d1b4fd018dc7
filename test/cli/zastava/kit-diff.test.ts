import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { define } from '../../../src/cli/zastava/kit-diff.ts';
import { replace, seal, tinyFiles } from '../../kit/sealed-kit.ts';

let folder: string;
let [a, b] = ['', ''];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-diff-'));
  [a, b] = [join(folder, 'a.tar.zst'), join(folder, 'b.tar.zst')];
  const files = await tinyFiles();
  await writeFile(a, (await seal(files)).bytes);
  const deployment = files.find(({ path }) => path === 'manifests/deployment.yaml')!.bytes.toString();
  await writeFile(b, (await seal(replace(files, { 'manifests/deployment.yaml': deployment.replace('"spec":{', '"spec":{"paused":"\u001b[31mred",') }))).bytes);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

/** What the verb prints, and the exit code that it asks for. */
async function diff(...args: string[]): Promise<{ stdout: string; code: typeof process.exitCode }> {
  let stdout = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const kit = new Command('kit');
  define(kit.command('diff'));
  await kit.parseAsync(['diff', ...args], { from: 'user' });
  return { stdout, code: process.exitCode };
}

test('the same kit twice: nothing differs, and the exit code stays 0', async () => {
  const { stdout, code } = await diff(a, a);
  expect(stdout).toContain('nothing differs');
  expect(code).toBeUndefined();
});

test('what differs is a table for people, without the control characters of the kit, and the exit code is 1', async () => {
  const { stdout, code } = await diff(a, b, '--ignore-signatures');
  expect(code).toBe(1);
  expect(stdout).toMatch(/manifests\n {2}~ {2}Deployment app {2}spec\.paused {2}nothing {2}→ {2} ?\[31mred/);
  expect(stdout).not.toContain('\u001b');
  expect(stdout).toContain('2 things differ');
});

test('for a program, it is one JSON document', async () => {
  const { same, changes } = JSON.parse((await diff(a, b, '--json')).stdout) as { same: boolean; changes: { area: string; after: string }[] };
  expect(same).toBe(false);
  expect(changes.map(({ area }) => area)).toEqual(['manifests', 'documents', 'signatures']);
  expect(changes[0]!.after).toBe('\u001b[31mred');
});

test('with --quiet the exit code alone tells', async () => {
  expect(await diff(a, b, '--quiet')).toEqual({ stdout: '', code: 1 });
});
