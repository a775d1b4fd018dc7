import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { define } from '../../../src/cli/zastava/kit-verify.ts';
import type { LogState } from '../../../src/kit/log-state.ts';
import { release } from '../../kit/released-kits.ts';
import type { TinyKit } from '../../kit/tiny-kit.ts';

let folder: string;
let state: string;
let first: TinyKit;
let second: TinyKit;
/** After the first, in a copy of the log that does not know the second. */
let forked: TinyKit;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-verify-'));
  state = join(folder, 'site/state.json');
  first = await release(folder, '0.1.0', '2026-01-01T00:00:00Z');
  await cp(join(folder, 'release-log'), join(folder, 'other/release-log'), { recursive: true });
  second = await release(folder, '0.2.0', '2026-01-02T00:00:00Z');
  forked = await release(join(folder, 'other'), '0.2.1', '2026-01-03T00:00:00Z');
});
afterAll(async () => {
  for (const path of [folder, first.folder, second.folder, forked.folder]) await rm(path, { recursive: true });
});
beforeEach(() => rm(state, { force: true }));
afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

/** What the verb says on standard error, and the exit code that it asks for. */
async function verify(kit: TinyKit, ...options: readonly string[]): Promise<{ stderr: string; code: typeof process.exitCode }> {
  let stderr = '';
  process.exitCode = undefined;
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
  const program = new Command().exitOverride();
  define(program.command('verify'));
  await program.parseAsync(['verify', kit.path, '--key', kit.publicKey, '--trusted-root', kit.trustedRoot, ...options, '--quiet'], { from: 'user' });
  return { stderr, code: process.exitCode };
}

async function accept(...kits: readonly TinyKit[]): Promise<string> {
  for (const kit of kits) expect(await verify(kit, '--log-state', state)).toEqual({ stderr: '', code: undefined });
  return readFile(state, 'utf8');
}

/** Refused, by this code and loudly, and the state is as it was. */
async function expectRefused(kit: TinyKit, code: string, ...options: readonly string[]): Promise<void> {
  const before = await readFile(state, 'utf8');
  const { stderr, code: exitCode } = await verify(kit, '--log-state', state, ...options);
  expect(stderr).toContain(`error[${code}]`);
  expect(exitCode).toBe(1);
  expect(await readFile(state, 'utf8')).toBe(before);
}

describe('kit verify --log-state', () => {
  test('writes down the first kit that it accepts, and each newer one', async () => {
    expect(JSON.parse(await accept(first)) as LogState).toMatchObject({ newest: { name: 'tiny', version: '0.1.0', signedAt: '2026-01-01T00:00:00Z' }, heads: [{}] });
    expect(JSON.parse(await accept(second)) as LogState).toMatchObject({ newest: { version: '0.2.0' }, heads: [{}, {}] });
  });

  test('writes nothing when the same kit comes again', async () => {
    expect(await accept(first, second)).toBe(await accept(second));
  });

  test('refuses an older kit', async () => {
    await accept(first, second);
    await expectRefused(first, 'kit.log-rollback');
  });

  test('with --allow-older accepts it and says so loudly, and keeps the newest', async () => {
    const before = await accept(first, second);
    const { stderr, code } = await verify(first, '--log-state', state, '--allow-older');
    expect(code).toBeUndefined();
    expect(stderr).toMatch(/warning: OLDER KIT: 0\.1\.0 of 2026-01-01T00:00:00Z .* 0\.2\.0 of 2026-01-02T00:00:00Z/);
    expect(await readFile(state, 'utf8')).toBe(before);
  });

  test('with --allow-older says nothing of a kit that is not older', async () => {
    await accept(first);
    expect(await verify(second, '--log-state', state, '--allow-older')).toEqual({ stderr: '', code: undefined });
    expect(JSON.parse(await readFile(state, 'utf8')) as LogState).toMatchObject({ newest: { version: '0.2.0' } });
  });

  test('refuses a fork, also with --allow-older', async () => {
    await accept(first, second);
    await expectRefused(forked, 'kit.log-fork');
    await expectRefused(forked, 'kit.log-fork', '--allow-older');
  });

  test('refuses a state that cannot be read, and leaves it', async () => {
    const broken = (await accept(first)).slice(0, -9);
    await writeFile(state, broken);
    await expect(verify(second, '--log-state', state)).rejects.toMatchObject({ code: 'kit.log-state-invalid', exitCode: 2 });
    expect(await readFile(state, 'utf8')).toBe(broken);
    await expect(verify(second, '--log-state', folder)).rejects.toMatchObject({ code: 'environment' });
  });

  test('leaves the state as it was when the kit does not hold, and begins none', async () => {
    const wrong = ['--signature', first.signature];
    expect(await verify(second, '--log-state', state, ...wrong)).toMatchObject({ code: 1, stderr: expect.stringContaining('error[kit.signature-invalid]') });
    await expect(readFile(state)).rejects.toMatchObject({ code: 'ENOENT' });
    await accept(first);
    await expectRefused(second, 'kit.signature-invalid', ...wrong);
  });

  test('without a state there is nothing to be older than', async () => {
    await expect(verify(first, '--allow-older')).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(/--allow-older needs --log-state/) });
  });
});
