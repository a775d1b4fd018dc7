/** The Grafana dashboard: looks and layout around the queries of dashboard-rows.ts. */
import { GraphThresholdsStyleConfigBuilder, GraphThresholdsStyleMode, VizLegendOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder, DashboardLinkBuilder, DashboardLinkType, DatasourceVariableBuilder, QueryVariableBuilder, RowBuilder,
  ThresholdsConfigBuilder, ThresholdsMode, VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dashboard, Threshold } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { runbookBaseUrl } from '../../contract/alerts.ts';
import { metrics } from '../../contract/metrics.ts';
import { dashboardRows } from './dashboard-rows.ts';
import type { DashboardPanel } from './dashboard-rows.ts';

const datasource = { type: 'prometheus', uid: '${datasource}' } as const;

/** Grafana's grid is 24 wide; two panels stand beside each other. */
const panelSize = { width: 12, height: 8 } as const;

/** The uid is fixed, so that importing a newer dashboard replaces the older one. */
export function buildDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Zastava runtime')
    .uid('zastava-runtime')
    .tags(['zastava', 'runtime-security'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .timezone('utc')
    .readonly()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(new QueryVariableBuilder('cluster').label('Cluster').datasource(datasource)
      .query(`label_values(${metrics.buildInfo.name}, cluster)`).refresh(VariableRefresh.OnTimeRangeChanged)
      .multi(true).includeAll(true).allValue('.+').current({ text: 'All', value: '$__all' }));
  let id = 0;
  for (const row of dashboardRows) {
    dashboard.link(buildLink(row.title, row.section));
    dashboard.withRow(new RowBuilder(row.title).id(++id));
    for (const panel of row.panels) dashboard.withPanel(buildPanel(panel, row.section).id(++id));
  }
  return dashboard.build();
}

/** To a section of the runbook. */
function buildLink(title: string, anchor: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(`${runbookBaseUrl}#${anchor}`).targetBlank(true);
}

function buildPanel({ title, description, unit, queries, threshold, alert }: DashboardPanel, section: string): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title).description(description).unit(unit).datasource(datasource)
    .links([alert === undefined ? buildLink('Runbook', section) : buildLink(alert, alert.toLowerCase())])
    .span(panelSize.width).height(panelSize.height)
    .legend(new VizLegendOptionsBuilder().showLegend(true));
  queries.forEach(({ expr, legend }, index) => panel.withTarget(
    new DataqueryBuilder().refId(String.fromCodePoint(65 + index)).datasource(datasource).expr(expr).legendFormat(legend).range(),
  ));
  if (threshold === undefined) return panel;
  return panel
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(thresholdSteps(threshold)))
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Line));
}

/** A step without a value is the lowest one. */
function thresholdSteps({ value, bad, warn }: NonNullable<DashboardPanel['threshold']>): Threshold[] {
  const [below, above] = bad === 'above' ? ['green', 'red'] as const : ['red', 'green'] as const;
  return [{ value: null, color: below }, ...(warn === undefined ? [] : [{ value: warn, color: 'yellow' }]), { value, color: above }];
}
