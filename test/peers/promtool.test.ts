/** Prometheus's own judge of the rules that the kit carries, and of the rules' unit tests. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from './harness/commands.ts';
import { checkout, readEntry, readManifest } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

describeWith(['promtool'], 'promtool', () => {
  const folder = scratch('promtool');

  test("checks the kit's rules", async () => {
    const paths = (await readManifest()).files.filter(({ role }) => role === 'rules').map(({ path }) => path);
    expect(paths).toEqual(['docs/ops/zastava-runtime-prometheus-rules.yaml']);
    const rules = join(folder, 'rules.yaml');
    writeFileSync(rules, await readEntry(paths[0] ?? ''));
    const { code, stdout, stderr } = await run(peer('promtool'), ['check', 'rules', '--lint=all', '--lint-fatal', rules]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/SUCCESS: [1-9]\d* rules found/);
  });

  const tests = readdirSync(join(checkout, 'test/rules')).filter((name) => /\.ya?ml$/.test(name));

  test('has unit tests of the rules to run', () => expect(tests).not.toEqual([]));

  test.each(tests)('passes the unit tests in %s', async (name) => {
    const { code, stdout, stderr } = await run(peer('promtool'), ['test', 'rules', name], { cwd: join(checkout, 'test/rules') });
    expect(code, stdout + stderr).toBe(0);
  });
});
