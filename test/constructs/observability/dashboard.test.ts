import { describe, expect, test } from 'vitest';
import { alertThresholds } from '../../../src/contract/alerts.ts';
import { metrics } from '../../../src/contract/metrics.ts';
import { buildDashboard } from '../../../src/constructs/observability/dashboard.ts';
import { dashboardRows } from '../../../src/constructs/observability/dashboard-rows.ts';
import { listPromqlProblems, listSeries } from './promql-checker.ts';

/** As Grafana reads it. */
interface DashboardJson {
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
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

test('each row of the contract is there', () => {
  expect(dashboard.panels.filter((panel) => panel.type === 'row').map(({ title }) => title)).toEqual(dashboardRows.map(({ title }) => title));
  expect(dashboardRows).toHaveLength(7);
});

test.each([
  ['Backend P95', alertThresholds.backendP95MsMax],
  ['Backend P99', alertThresholds.backendP99MsMax],
  ['Denies a minute', alertThresholds.deniesPerMinuteMax],
  ['Buffer fill', alertThresholds.bufferFillRatioMax],
  ['Certificate life left', alertThresholds.certificateDaysMin * 86_400],
])('%s draws the threshold of its alert', (title, threshold) => {
  const steps = panels.find((panel) => panel.title === title)?.fieldConfig?.defaults.thresholds?.steps;
  expect(steps?.map(({ value }) => value)).toEqual([null, threshold]);
});
