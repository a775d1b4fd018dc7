/**
 * The observability files of docs/ops: rules, dashboard and the catalogue of metrics. They depend on nothing but the
 * sources, so they are committed and a test compares them; `npm run synth` writes them.
 */
import { stringify } from 'yaml';
import { buildCatalogue } from '../constructs/observability/catalogue.ts';
import { buildDashboard } from '../constructs/observability/dashboard.ts';
import { buildRuleGroups } from '../constructs/observability/rules.ts';

/** Path in the checkout, and in the kit → text. Pure. */
export function renderObservability(): Map<string, string> {
  return new Map([
    ['docs/ops/zastava-runtime-prometheus-rules.yaml', stringify({ groups: buildRuleGroups() }, { lineWidth: 0 })],
    ['docs/ops/zastava-runtime-grafana-dashboard.json', renderJson(buildDashboard())],
    ['docs/ops/zastava-runtime-metrics.json', renderJson(buildCatalogue())],
  ]);
}

function renderJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
