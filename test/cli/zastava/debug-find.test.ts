import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { debugMediaTypes, debugPath } from '../../../src/contract/debug-store.ts';
import { openFromStore } from '../../../src/kit/debug/debug-folder.ts';
import { debugStoreOf } from '../../kit/debug/debug-input.ts';
import { makeTinyKit, type TinyKit } from '../../kit/tiny-kit.ts';
import { id, specimen } from '../../bytes/small-elf.ts';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'zastava-debug-'));
const buildId = id.toString('hex');
const program = join(folder, 'program');
let kit: TinyKit;

beforeAll(async () => {
  writeFileSync(program, specimen({ bits: 64, littleEndian: true }));
  kit = await makeTinyKit((plan) => ({ ...plan, debug: debugStoreOf(join(plan.root, 'symbols')) }));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(kit.folder, { recursive: true });
});

function zastava(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'src/cli/zastava/main.ts'), ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('symbols that are missing are found in a kit, imported from it, and are here then', async () => {
  const to = join(folder, 'debug');
  const missing = zastava('debug', 'find', program, '--dir', to, '--kit', kit.path, '--json');
  expect(missing.status).toBe(1);
  expect(JSON.parse(missing.stdout)).toMatchObject({ ok: false, found: [{ buildId, present: false, path: join(to, debugPath(buildId)), from: `zastava debug import ${kit.path} --to ${to}` }] });

  expect(zastava('debug', 'import', kit.path, '--to', to, '--key', kit.publicKey)).toMatchObject({ status: 0 });
  const here = zastava('debug', 'find', buildId.toUpperCase(), '--dir', to, '--json');
  expect(here.status).toBe(0);
  expect(JSON.parse(here.stdout)).toMatchObject({ ok: true, found: [{ buildId, present: true, path: join(to, debugPath(buildId)) }] });
  await using elf = await openFromStore([to], buildId);
  expect(elf?.buildId).toBe(buildId);
});

test('a kit that was changed is not imported', () => {
  const path = join(folder, 'changed.tar.zst');
  cpSync(kit.path, path);
  for (const suffix of ['.sig', '.sigstore.json']) cpSync(kit.path + suffix, path + suffix);
  writeFileSync(path, 'x', { flag: 'a' });
  const to = join(folder, 'never');
  expect(zastava('debug', 'import', path, '--to', to, '--key', kit.publicKey)).toMatchObject({ status: 1 });
  expect(zastava('debug', 'find', buildId, '--dir', to).status).toBe(1);
});

test('the manifest of a folder says of what nobody has symbols', () => {
  const to = join(folder, 'without');
  mkdirSync(to);
  writeFileSync(join(to, 'debug-manifest.json'), JSON.stringify({ mediaType: debugMediaTypes.manifest, files: [], without: [{ buildId, why: 'its publisher has none' }] }));
  expect(zastava('debug', 'find', buildId, '--dir', to).stdout).toContain('nowhere: its publisher has none');
});

test('the executable of a process is named by its build-id', () => {
  const { stdout, stderr } = zastava('debug', 'find', String(process.pid), '--dir', folder, '--json');
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ found: expect.arrayContaining([expect.objectContaining({ name: process.execPath })]) });
});

test('files without build-id, files that are not there and processes that are not there are told apart', () => {
  writeFileSync(join(folder, 'script'), '#!/bin/sh\n');
  expect(zastava('debug', 'find', './script')).toMatchObject({ status: 2, stderr: expect.stringContaining('debug.no-build-id') });
  expect(zastava('debug', 'find', './none')).toMatchObject({ status: 3 });
  expect(zastava('debug', 'find', '4194399')).toMatchObject({ status: 3 });
});
