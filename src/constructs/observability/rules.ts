/** The rule groups in the shape that Prometheus' rule file and the PrometheusRule object share (contract section 8). */
import { alertSeverities, runbookBaseUrl } from '../../contract/alerts.ts';
import type { AlertName, Severity } from '../../contract/alerts.ts';
import { alertTexts } from './alert-texts.ts';
import { alertConditions } from './alert-conditions.ts';
import { recordedSeries } from './recorded-series.ts';

interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: AlertName;
  readonly expr: string;
  /** Prometheus duration; without it the alert fires at once. */
  readonly for?: string;
  readonly labels: { readonly severity: Severity };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    /** What to do first. */
    readonly action: string;
    readonly runbook_url: string;
  };
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (RecordingRule | AlertingRule)[];
}

/** Recorded series first, since Prometheus evaluates a group in order and alerts read them. */
export function buildRuleGroups(): RuleGroup[] {
  const alertNames = Object.keys(alertSeverities) as AlertName[];
  return [{ name: 'zastava-runtime', rules: [...Object.values(recordedSeries), ...alertNames.map(buildAlert)] }];
}

function buildAlert(alert: AlertName): AlertingRule {
  const { expr, forMinutes } = alertConditions[alert];
  return {
    alert,
    expr,
    ...(forMinutes === undefined ? {} : { for: `${forMinutes}m` }),
    labels: { severity: alertSeverities[alert] },
    annotations: { ...alertTexts[alert], runbook_url: `${runbookBaseUrl}#${alert.toLowerCase()}` },
  };
}
