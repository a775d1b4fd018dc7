/**
 * PrometheusRule and PodMonitor of the Prometheus Operator, by explicit value only: asking the cluster would give other
 * objects from the same values. `honorLabels` keeps our label `endpoint`, which the Operator would rename otherwise.
 */
import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { alertThresholds } from '../contract/alerts.ts';
import { components } from '../contract/label-values.ts';
import { namespace, objectNames, partOf, portNames } from '../contract/names.ts';
import { httpPaths } from '../contract/programs.ts';
import type { Facts } from './facts.ts';
import { buildRuleGroups } from './observability/rules.ts';

const apiVersion = 'monitoring.coreos.com/v1';

export class MonitoringResources extends Construct {
  constructor(scope: Construct, id: string, { when }: Facts) {
    super(scope, id);
    if (!when.customResources) return;
    const metadata = { name: objectNames.monitoring, namespace, labels: { 'app.kubernetes.io/part-of': partOf } };
    new ApiObject(this, 'pod-monitor', {
      apiVersion,
      kind: 'PodMonitor',
      metadata,
      spec: {
        podMetricsEndpoints: [{ port: portNames.telemetry, path: httpPaths.metrics, honorLabels: true, interval: `${alertThresholds.scrapeSecondsMax}s` }],
        selector: { matchExpressions: [{ key: 'app', operator: 'In', values: components.map((component) => objectNames[component]) }] },
      },
    });
    new ApiObject(this, 'rules', { apiVersion, kind: 'PrometheusRule', metadata, spec: { groups: buildRuleGroups() } });
  }
}
