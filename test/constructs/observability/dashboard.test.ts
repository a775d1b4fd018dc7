import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertSeverities, alertThresholds, runbookBaseUrl } from '../../../src/contract/alerts.ts';
import { metrics } from '../../../src/contract/metrics.ts';
import { buildDashboard } from '../../../src/constructs/observability/dashboard.ts';
import { dashboardRows } from '../../../src/constructs/observability/dashboard-rows.ts';
import { listPromqlProblems, listSeries } from './promql-checker.ts';

interface Link {
  readonly title: string;
  readonly url: string;
}

/** As Grafana reads it. */
interface DashboardJson {
  readonly uid: string;
  readonly links: readonly Link[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly links?: readonly Link[];
    readonly datasource?: { readonly uid: string };
    readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
    readonly fieldConfig?: { readonly defaults: { readonly thresholds?: { readonly steps: readonly { readonly value: number | null }[] } } };
  }[];
}

const dashboard = JSON.parse(JSON.stringify(buildDashboard())) as DashboardJson;
const panels = dashboard.panels.filter((panel) => panel.type !== 'row');
const expressions = panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => [panel.title, expr] as const));

describe('every query', () => {
  test.each(expressions)('%s uses only metrics, labels and values of the catalogue', (_, expr) => {
    expect(listPromqlProblems(expr)).toEqual([]);
  });

  test.each(expressions)('%s is asked for the chosen clusters alone', (_, expr) => {
    expect(expr.match(/cluster=~"\$cluster"/g)).toHaveLength(listSeries(expr).length);
  });

  test('goes to the chosen data source', () => {
    const sources = panels.flatMap((panel) => [panel.datasource, ...(panel.targets ?? []).map((target) => target.datasource)]);
    expect(new Set(sources.map((source) => source?.uid))).toEqual(new Set(['${datasource}']));
  });
});

test('the dashboard shows every metric of the catalogue', () => {
  const shown = expressions.flatMap(([, expr]) => listSeries(expr)).map((name) => name.replace(/_bucket$/, ''));
  expect(Object.values(metrics).map(({ name }) => name).filter((name) => !shown.includes(name))).toEqual([]);
});

test('the dashboard keeps its uid and numbers its panels, so that links to them last', () => {
  expect(dashboard.uid).toBe('zastava-runtime');
  expect(dashboard.panels.map(({ id }) => id)).toEqual(dashboard.panels.map((_, index) => index + 1));
});

test('the dashboard lets one choose data source and cluster', () => {
  expect(dashboard.templating.list.map(({ name, type, query }) => [name, type, query])).toEqual([
    ['datasource', 'datasource', 'prometheus'],
    ['cluster', 'query', 'label_values(zastava_build_info, cluster)'],
  ]);
});

test('there is one row for each question of the runbook', () => {
  expect(dashboard.panels.filter((panel) => panel.type === 'row').map(({ title }) => title)).toEqual([
    'Is it alive?', 'Is it late?', 'Is it losing?', 'Whom does it deny?', 'Are tokens and certificates fresh?',
  ]);
});

describe('a link leads to the runbook', () => {
  const headings = readFileSync(join(import.meta.dirname, '../../../docs/ops/zastava-runtime-operations.md'), 'utf8').match(/^#+ .+$/gm) ?? [];
  /** As Markdown is rendered: lower case, blanks to hyphens, and no other signs. */
  const anchors = headings.map((heading) => heading.replace(/^#+ /, '').toLowerCase().replaceAll(/[^a-z0-9 -]/g, '').replaceAll(' ', '-'));
  const links = [...dashboard.links, ...panels.flatMap((panel) => panel.links ?? [])];

  test('from the top for each row, and from every panel', () => {
    expect(dashboard.links.map(({ title }) => title)).toEqual(dashboardRows.map(({ title }) => title));
    expect(panels.filter((panel) => panel.links?.length !== 1)).toEqual([]);
  });

  test('from every alert that has a panel, to its own section', () => {
    const linked = dashboardRows.flatMap((row) => row.panels.flatMap(({ alert }) => alert ?? []));
    expect(linked).toHaveLength(new Set(linked).size + 1); // Buffer fill and age share one.
    expect(Object.keys(alertSeverities).filter((name) => !(linked as string[]).includes(name))).toEqual([]);
  });

  test.each([...new Set(links.map(({ url }) => url))])('%s is a section', (url) => {
    expect(url.startsWith(`${runbookBaseUrl}#`)).toBe(true);
    expect(anchors).toContain(url.slice(runbookBaseUrl.length + 1));
  });
});

test.each([
  ['Backend P95', alertThresholds.upgradeP95MsMax, alertThresholds.backendP95MsMax],
  ['Backend P99', alertThresholds.backendP99MsMax],
  ['Admission P99 by stage', alertThresholds.admissionP99MsMax],
  ['Denies a minute', alertThresholds.deniesPerMinuteMax],
  ['Buffer fill', alertThresholds.bufferFillRatioMax],
  ['Certificate life left', alertThresholds.certificateDaysMin * 86_400],
])('%s draws the threshold of its alert', (title, ...thresholds) => {
  const steps = panels.find((panel) => panel.title === title)?.fieldConfig?.defaults.thresholds?.steps;
  expect(steps?.map(({ value }) => value)).toEqual([null, ...thresholds]);
});
