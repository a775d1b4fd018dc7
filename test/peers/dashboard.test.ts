/**
 * Every query of the dashboard, asked of a real Prometheus about data recorded from the programs' own registry of metrics: a
 * quarter of an hour, two Pods of each program. An empty answer would be an empty panel.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDashboard } from '../../src/constructs/observability/dashboard.ts';
import { dashboardRows } from '../../src/constructs/observability/dashboard-rows.ts';
import { type Component, components } from '../../src/contract/label-values.ts';
import { type Metric, metrics } from '../../src/contract/metrics.ts';
import { Metrics } from '../../src/runtime/telemetry/metrics.ts';
import { listFences, listSpans, readRunbook } from '../docs/runbook.ts';
import { succeed } from './harness/commands.ts';
import { checkout } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { Prometheus } from './harness/prometheus.ts';
import { scratch } from './harness/scratch.ts';

/** Seconds; a scrape each half minute. */
const [from, until, every] = [Date.UTC(2026, 0, 1) / 1000, Date.UTC(2026, 0, 1, 0, 15) / 1000, 30];

/** One label set of a metric: the first value of each closed list, any text for an open one. */
function labelsOf({ labels }: Metric, program: Component): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([label, values]) => [label, values === 'open' ? 'some' : label === 'component' ? program : values[0] ?? '']));
}

/** What one scrape of a Pod shows, its metrics all moved on by one step. */
async function scrape(registry: Metrics, program: Component, pod: string, at: number): Promise<string[]> {
  for (const metric of Object.values<Metric>(metrics).filter(({ programs }) => programs.includes(program))) {
    const labels = labelsOf(metric, program);
    if (metric.name === metrics.decisions.name) {
      labels['decision'] = 'deny';
      registry.count(metrics.decisions, { decision: 'allow', mode: 'audited', reason: 'policy.fail' }, 1);
    }
    if (metric.type === 'counter') registry.count(metric as typeof metrics.decisions, labels as never, 3);
    else if (metric.type === 'gauge') registry.set(metric as typeof metrics.tokenExpiry, labels as never, metric.unit === 'timestamp' ? at + 100 : 1);
    else registry.observe(metric as typeof metrics.backendLatency, labels as never, 40);
  }
  const { body } = await registry.render();
  const target = `instance="${pod}",job="${program}"`;
  return body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => `${line.replace('{', `{${target},`)} ${at}`);
}

async function record(): Promise<string> {
  const pods = components.flatMap((program) => ['a', 'b'].map((name) => ({ program, pod: `${program}-${name}`, registry: new Metrics(program, { cluster: 'cluster-01' }) })));
  const lines: string[] = [];
  for (let at = from; at <= until; at += every) for (const { program, pod, registry } of pods) lines.push(...await scrape(registry, program, pod, at));
  return `${lines.join('\n')}\n# EOF\n`;
}

const queries = dashboardRows.flatMap(({ title: row, panels }) => panels.flatMap(({ title, queries: asked }) => asked.map(({ expr, legend }) => [`${row} ${title}: ${legend}`, expr, legend] as const)));

/** What the runbook asks: its blocks, and rates within its sentences. */
const runbook = readRunbook();
const asked = [...listFences(runbook).filter(({ language }) => language === 'promql'), ...listSpans(runbook).filter(({ text, why }) => !why && text.startsWith('rate('))].map(({ text }) => [text.trim()]);

describeWith(['prometheus', 'promtool'], 'the dashboard', () => {
  const folder = scratch('dashboard');
  let prometheus: Prometheus;

  beforeAll(async () => {
    const data = join(folder, 'data');
    const rules = join(checkout, 'docs/ops/zastava-runtime-prometheus-rules.yaml');
    writeFileSync(join(folder, 'recorded.om'), await record());
    await succeed(peer('promtool'), ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'recorded.om'), data]);
    // The recorded series of that time, too, by the rules themselves.
    const before = await Prometheus.start(folder);
    const span = [`--start=${from}`, `--end=${until}`, '--eval-interval=30s', `--output-dir=${data}`];
    await succeed(peer('promtool'), ['tsdb', 'create-blocks-from', 'rules', ...span, `--url=${before.url}`, rules]);
    await before.stop();
    prometheus = await Prometheus.start(folder);
  });
  afterAll(() => prometheus?.stop());

  test('offers the clusters that there are', async () => {
    const variable = (JSON.parse(JSON.stringify(buildDashboard())) as { templating: { list: { name: string; query: string }[] } }).templating.list.find(({ name }) => name === 'cluster');
    const [, match = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(variable?.query ?? '') ?? [];
    expect(await prometheus.labelValues(label, match, from, until)).toEqual(['cluster-01']);
  });

  test.each(queries)('has an answer for %s', async (_, expr, legend) => {
    for (const cluster of ['.+', 'cluster-01']) {
      const answer = await prometheus.query(expr.replaceAll('$cluster', cluster), until);
      expect(answer, expr).not.toEqual([]);
      for (const { metric, value } of answer) {
        expect(Number(value[1]), expr).not.toBeNaN();
        for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(metric[label], `${label} of ${expr}`).toBeTruthy();
      }
    }
  });

  test.each(asked)('the runbook has an answer for %s', async (expr) => {
    const answer = await prometheus.query(expr, until);
    expect(answer).not.toEqual([]);
    for (const { value } of answer) expect(Number(value[1])).not.toBeNaN();
  });

  test('has none for a cluster that is not there', async () => {
    for (const [, expr] of queries) expect(await prometheus.query(expr.replaceAll('$cluster', 'another'), until)).toEqual([]);
  });
});
