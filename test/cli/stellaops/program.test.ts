import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli/stellaops/program.ts';
import { bundleProgram } from '../../../src/images/bundle-program.ts';
import { runOperator } from '../../fakes/operator.ts';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'zastava-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each([[], ['runtime'], ['runtime', 'policy'], ['runtime', 'policy', 'test']].map((level) => [level.join(' '), level] as const))('stellaops-cli %s --help has an example', async (_, level) => {
  const { code, stdout } = await runOperator([...level, '--help'], {});
  expect(code).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}stellaops-cli \S/);
});

test('the help of the verb names every way to be configured, --json and --quiet', async () => {
  const { stdout } = await runOperator(['runtime', 'policy', 'test', '--help'], {});
  for (const name of ['STELLAOPS_AUTHORITY_ISSUER', 'STELLAOPS_AUTHORITY_CLIENT_KEY', 'STELLAOPS_SCANNER_URL', 'cli.yaml', '--json', '--quiet']) expect(stdout).toContain(name);
});

/** Full name → command, for those that do something. */
function verbsOf(command: Command, prefix = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[prefix, command]];
  return command.commands.flatMap((child) => verbsOf(child, `${prefix} ${child.name()}`));
}

describe('the documents', () => {
  const verbs = new Map(verbsOf(buildProgram()));
  const runbook = readFileSync(join(root, 'docs/ops/zastava-runtime-operations.md'), 'utf8');

  test('of the README name the verbs that exist, and no other', () => {
    const named = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `(stellaops-cli [a-z ]+)` \|/gm)].map((match) => match[1]);
    expect(named).toEqual([...verbs.keys()]);
  });

  test('of the runbook use verbs and options that exist, and each verb', () => {
    const used = [...runbook.matchAll(/^ *(stellaops-cli(?: [a-z]+)+)((?: --?\S+| \S+)*)$/gm)].map((match) => [match[1] ?? '', (match[2] ?? '').match(/--[a-z-]+/g) ?? []] as const);
    expect(new Set(used.map(([verb]) => verb))).toEqual(new Set(verbs.keys()));
    for (const [verb, options] of used) expect(verbs.get(verb)?.options.map(({ long }) => long)).toEqual(expect.arrayContaining([...options]));
  });
});

test('an unknown verb is usage: 2', async () => {
  expect((await runOperator(['runtime', 'policy', 'frobnicate'], {})).code).toBe(2);
});

describe('the one file of the kit', () => {
  test('runs alone, in an empty folder', async () => {
    const file = join(folder, 'stellaops-cli.mjs');
    await bundleProgram({ root, entry: 'src/cli/stellaops/main.ts', outfile: file });
    writeFileSync(join(folder, 'pod.yaml'), 'kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: busybox}]}\n');
    writeFileSync(join(folder, 'policy.yaml'), 'default: {policyVerdict: fail, reasons: [unknown]}\n');
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, 'runtime', 'policy', 'test', '--file', 'pod.yaml', '--policy', 'policy.yaml'], { cwd: folder, encoding: 'utf8', env: { HOME: folder } });
    expect([status, stderr, stdout]).toEqual([1, '', expect.stringContaining('1 judged, 1 would be denied')]);
  });
});
