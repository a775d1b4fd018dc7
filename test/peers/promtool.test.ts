/** Prometheus's own judge of the rules that the kit carries: their syntax, when each alert fires, and that a rule with a mistake in it is found out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { describe, expect, test } from 'vitest';
import { alertSeverities, type AlertName } from '../../src/contract/alerts.ts';
import { listFences, readRunbook } from '../docs/runbook.ts';
import { alertHistories, forgetting } from '../rules/alert-histories.ts';
import { mutantsOf, rulesOf } from '../rules/rule-mutants.ts';
import { renderTests, type History } from '../rules/timelines.ts';
import { type Outcome, run } from './harness/commands.ts';
import { checkout, readEntry, readManifest } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const alerts = Object.keys(alertSeverities) as AlertName[];

describeWith(['promtool'], 'promtool', () => {
  const folder = scratch('promtool');

  test("checks the kit's rules", async () => {
    const paths = (await readManifest()).files.filter(({ role }) => role === 'rules').map(({ path }) => path);
    expect(paths).toEqual(['docs/ops/zastava-runtime-prometheus-rules.yaml']);
    const rules = join(folder, 'rules.yaml');
    const text = await readEntry(paths[0] ?? '');
    expect(text).toBe(readFileSync(join(checkout, paths[0] ?? ''), 'utf8'));
    writeFileSync(rules, text);
    const { code, stdout, stderr } = await run(peer('promtool'), ['check', 'rules', '--lint=all', '--lint-fatal', rules]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/SUCCESS: [1-9]\d* rules found/);
  });

  test('takes the scrape configuration of the runbook', async () => {
    const jobs = listFences(readRunbook()).filter(({ language, text }) => language === 'yaml' && text.startsWith('- job_name')).map(({ text }) => parse(text) as Record<string, unknown>[]);
    expect(jobs).toHaveLength(1);
    // Debian's build does not know the discovery of Kubernetes.
    writeFileSync(join(folder, 'prometheus.yaml'), stringify({ scrape_configs: jobs[0]?.map(({ kubernetes_sd_configs: _discovery, ...rest }) => rest) }));
    const { code, stdout, stderr } = await run(peer('promtool'), ['check', 'config', '--lint=none', join(folder, 'prometheus.yaml')]);
    expect(code, stdout + stderr).toBe(0);
  });

  let files = 0;
  /** Writes rules and the tests of them; gives the name of the file with the tests. */
  function write(rules: object, alert: AlertName, histories: readonly History[], evaluationSeconds?: number): string {
    const name = `${alert}-${files++}`;
    writeFileSync(join(folder, `${name}.rules.yaml`), stringify(rules, { lineWidth: 0 }));
    writeFileSync(join(folder, `${name}.test.yaml`), renderTests(`${name}.rules.yaml`, alert, histories, evaluationSeconds));
    return `${name}.test.yaml`;
  }
  const judge = (...tests: string[]): Promise<Outcome> => run(peer('promtool'), ['test', 'rules', ...tests], { cwd: folder });

  describe.each(alerts)('%s', (alert) => {
    const groups = [{ name: 'rules', rules: rulesOf(alert) }];
    const histories = alertHistories[alert];

    test(`stands: ${histories.map(({ name }) => name).join('; ')}`, async () => {
      expect(histories.length).toBeGreaterThanOrEqual(5);
      const { code, stdout, stderr } = await judge(write({ groups }, alert, histories));
      expect(code, stdout + stderr).toBe(0);
    });

    test('with any one mistake in its rule does not', async () => {
      const mutants = mutantsOf(alert);
      expect(mutants.length).toBeGreaterThanOrEqual(4);
      const mistakes = new Map(mutants.map(({ mistake, groups: wrong }) => [write({ groups: wrong }, alert, histories), mistake]));
      const { stdout, stderr } = await judge(...mistakes.keys());
      // A mutant must be a rule still: only then does its failure say something.
      expect(stderr).not.toMatch(/parse error|invalid|unmarshal/);
      const verdicts = [...stdout.matchAll(/^Unit Testing: {2}(\S+)\n( {2}SUCCESS)?/gm)].map(([, file = '', success]) => [file, success !== undefined] as const);
      expect(verdicts.map(([file]) => file)).toEqual([...mistakes.keys()]);
      const undetected = verdicts.filter(([, passed]) => passed).map(([file]) => mistakes.get(file));
      expect(undetected).toEqual([]);
    });
  });

  test(`ZastavaRuntimeAbsent ${forgetting.name}`, async () => {
    const { code, stdout, stderr } = await judge(write({ groups: [{ name: 'rules', rules: rulesOf('ZastavaRuntimeAbsent') }] }, 'ZastavaRuntimeAbsent', [forgetting], 300));
    expect(code, stdout + stderr).toBe(0);
  });
});
