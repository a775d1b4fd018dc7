/** The app that cdk8s-cli runs: it gives it an emptied folder in CDK8S_OUTDIR and reads the YAML files from there. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { renderTexts } from '../fakes/rendered-objects.ts';
import { goldenFolder, readSet } from '../fakes/value-sets.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'zastava-cdk8s-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('cdk8s synth writes the bytes that npm run synth writes', () => {
  const { app, output } = parse(readFileSync(join(root, 'cdk8s.yaml'), 'utf8')) as { app: string; output: string };
  expect(output).toBe('dist/manifests');
  const [node, script = '', ...more] = app.split(' ');
  expect([node, ...more]).toEqual(['node']);

  mkdirSync(join(folder, 'offline-kit'));
  cpSync(join(goldenFolder, 'images.lock.json'), join(folder, 'offline-kit/images.lock.json'));
  cpSync(join(goldenFolder, 'values/stepwise.yaml'), join(folder, 'offline-kit/zastava-runtime.values.yaml'));
  const outdir = join(folder, 'out');
  execFileSync(process.execPath, [join(root, script)], { cwd: folder, env: { PATH: process.env['PATH'], CDK8S_OUTDIR: outdir } });

  const written = readdirSync(outdir).sort().map((name) => [`manifests/${name}`, readFileSync(join(outdir, name), 'utf8')]);
  expect(written).toEqual([...renderTexts(readSet('stepwise'))].sort(([a], [b]) => (a < b ? -1 : 1)));
});
