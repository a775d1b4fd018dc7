import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli/zastava/program.ts';

const root = join(import.meta.dirname, '../../..');

/** Full name → command, for those that do something. */
function verbsOf(command: Command, prefix = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[prefix, command]];
  return command.commands.flatMap((child) => verbsOf(child, `${prefix} ${child.name()}`));
}

const verbs = verbsOf(buildProgram());

test('the README names the verbs that exist, and no other', () => {
  const named = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `(zastava [a-z ]+)` \|/gm)].map((match) => match[1]);
  expect(named.sort()).toEqual(verbs.map(([name]) => name).sort());
});

test('the README names the npm scripts that exist, and no other', () => {
  const named = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `npm (?:run )?([a-z:]+)` \|/gm)].map((match) => match[1]);
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  expect(named.sort()).toEqual(Object.keys(scripts).sort());
});

test.each(verbs)('%s has --json, --quiet and an example', async (name) => {
  let help = '';
  const program = buildProgram();
  for (const [, command] of verbsOf(program)) command.configureOutput({ writeOut: (text) => (help += text) });
  await expect(program.parseAsync([...name.split(' ').slice(1), '--help'], { from: 'user' })).rejects.toMatchObject({ code: 'commander.helpDisplayed' });
  expect(help).toMatch(/--json/);
  expect(help).toMatch(/--quiet/);
  expect(help).toMatch(/Examples?:\n {2}\S/);
});

test('what a verb needs is not loaded by another', async () => {
  // In a process of its own, where nothing was loaded before.
  const script = "import { registerHooks } from 'node:module'; registerHooks({ load: (url, context, next) => { console.log(url); return next(url, context); } }); process.argv.push('kit', 'verify', '--help'); await import('./src/cli/zastava/main.ts');";
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' });
  expect(stdout).toContain('kit/verify/verify-kit.ts');
  expect(stdout).not.toMatch(/node_modules\/(cdk8s|esbuild|constructs|@grafana)|src\/synth\//);
});
