/** Series that Prometheus computes once and alerts read: what is judged can be looked at under the same name. */
import { alertThresholds } from '../../contract/alerts.ts';
import { metrics } from '../../contract/metrics.ts';
import { count, quantile, rate } from './promql.ts';

const { rateWindowMinutes, denyWindowMinutes } = alertThresholds;

/** Named `<labels>:<metric>:<operation>`, as is usual for recording rules. */
export const recordedSeries = {
  pods: {
    record: `cluster_component:${metrics.buildInfo.name}:pods`,
    expr: count(metrics.buildInfo, ['cluster', 'component']),
  },
  backendP95: {
    record: `cluster_endpoint:${metrics.backendLatency.name}:p95_${rateWindowMinutes}m`,
    expr: quantile(0.95, metrics.backendLatency, rateWindowMinutes, ['cluster', 'endpoint']),
  },
  backendP99: {
    record: `cluster_endpoint:${metrics.backendLatency.name}:p99_${rateWindowMinutes}m`,
    expr: quantile(0.99, metrics.backendLatency, rateWindowMinutes, ['cluster', 'endpoint']),
  },
  admissionP99: {
    record: `cluster:${metrics.admissionDuration.name}:p99_${rateWindowMinutes}m`,
    expr: quantile(0.99, metrics.admissionDuration, rateWindowMinutes, ['cluster'], { stage: 'total' }),
  },
  deniesPerMinute: {
    record: `cluster:${metrics.decisions.name}:denies_per_minute_${denyWindowMinutes}m`,
    expr: `60 * ${rate(metrics.decisions, denyWindowMinutes, ['cluster'], { decision: 'deny' })}`,
  },
} as const;
