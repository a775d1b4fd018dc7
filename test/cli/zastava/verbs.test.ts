import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'zastava-verbs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function zastava(args: readonly string[], cwd = root) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'src/cli/zastava/main.ts'), ...args], { cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const badValues = join(folder, 'bad.yaml');
writeFileSync(badValues, 'zastava:\n  runtime:\n    tenent: acme\n  webhook:\n    replicas: many\n');

describe('values check', () => {
  test('accepts the sample values', () => {
    expect(zastava(['values', 'check'])).toMatchObject({ status: 0, stderr: '' });
  });

  test('lists every problem with its path, and ends with 2', () => {
    const { status, stderr } = zastava(['values', 'check', badValues]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/tenent/);
    expect(stderr).toMatch(/tenant/);
    expect(stderr).toMatch(/replicas/);
  });

  test('gives a program one JSON document', () => {
    const { stdout } = zastava(['values', 'check', badValues, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'values.invalid' } });
  });

  test('a file that is not there ends with 3', () => {
    expect(zastava(['values', 'check', join(folder, 'none.yaml')]).status).toBe(3);
  });
});

describe('synth', () => {
  test('writes the same bytes twice, and nothing outside its folder', () => {
    const outs = ['a', 'b'].map((name) => join(folder, name));
    for (const out of outs) expect(zastava(['synth', '--out', out])).toMatchObject({ status: 0, stderr: '' });
    const files = outs.map((out) => readdirSync(join(out, 'manifests')).sort());
    expect(files[0]?.length).toBeGreaterThan(5);
    expect(files[1]).toEqual(files[0]);
    for (const name of files[0] ?? []) expect(readFileSync(join(outs[1] ?? '', 'manifests', name), 'utf8')).toBe(readFileSync(join(outs[0] ?? '', 'manifests', name), 'utf8'));
    expect(readdirSync(outs[0] ?? '').sort()).toEqual(['gitops', 'manifests']);
  });

  test('writes nothing for bad values', () => {
    const out = join(folder, 'nothing');
    expect(zastava(['synth', '--values', badValues, '--out', out]).status).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

test.each([
  ['an unknown verb', ['frobnicate']],
  ['an unknown option', ['synth', '--nope']],
  ['extract without a key', ['kit', 'extract', 'package.json', '--to', join(folder, 'taken')]],
])('%s is usage: 2', (_, args) => {
  expect(zastava(args).status).toBe(2);
});

test('outside a checkout, what needs one says so and ends with 3', () => {
  for (const args of [['kit', 'build'], ['relock']]) {
    const { status, stderr } = zastava(args, folder);
    expect(status).toBe(3);
    expect(stderr).toMatch(/error\[environment\]: .*checkout/);
  }
  expect(zastava(['kit', 'verify'], folder).status).toBe(2);
});

test('help and version end with 0', () => {
  expect(zastava(['--help']).status).toBe(0);
  expect(zastava(['kit', 'verify', '--help']).stdout).toMatch(/Examples/);
  expect(zastava(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
