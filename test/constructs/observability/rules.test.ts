import { describe, expect, test } from 'vitest';
import { alertSeverities, alertThresholds, runbookBaseUrl } from '../../../src/contract/alerts.ts';
import { buildCatalogue } from '../../../src/constructs/observability/catalogue.ts';
import { buildRuleGroups } from '../../../src/constructs/observability/rules.ts';
import type { AlertingRule } from '../../../src/constructs/observability/rules.ts';
import { listPromqlProblems, listSeries } from './promql-checker.ts';

const rules = buildRuleGroups().flatMap((group) => group.rules);
const alerts = rules.filter((rule): rule is AlertingRule => 'alert' in rule);
const alert = (name: string): AlertingRule => alerts.find((rule) => rule.alert === name) ?? expect.fail(`no alert ${name}`);

describe('every rule', () => {
  test.each(rules.map((rule) => ['alert' in rule ? rule.alert : rule.record, rule.expr]))('%s uses only metrics, labels and values of the catalogue', (_, expr) => {
    expect(listPromqlProblems(expr)).toEqual([]);
  });

  test('is the only one of its name', () => {
    const names = rules.map((rule) => ('alert' in rule ? rule.alert : rule.record));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the alerts', () => {
  test('are those of the contract, each with its severity', () => {
    expect(Object.fromEntries(alerts.map((rule) => [rule.alert, rule.labels.severity]))).toEqual(alertSeverities);
  });

  test.each(alerts.map((rule) => [rule.alert, rule.annotations] as const))('%s says what, why and what to do, and links its section', (name, texts) => {
    expect(Object.keys(texts)).toEqual(['summary', 'description', 'action', 'runbook_url']);
    for (const text of [texts.summary, texts.description, texts.action]) expect(text).toMatch(/^\S.*[.?]$/);
    expect(texts.description).toContain('$value');
    expect(texts.runbook_url).toBe(`${runbookBaseUrl}#${name.toLowerCase()}`);
  });

  test.each(alerts.map((rule) => [rule.alert, rule] as const))('%s names no label in its text that its expression takes away', (_, rule) => {
    const groupings = [...rule.expr.matchAll(/by \(([^)]*)\)/g)].map((match) => match[1]?.split(', '));
    const recorded = /(\w+):zastava/.exec(rule.expr)?.[1]?.split('_');
    const kept = groupings[0] ?? recorded;
    const named = [...rule.annotations.description.matchAll(/\$labels\.(\w+)/g)].map((match) => match[1]);
    expect(named).toContain('cluster');
    if (kept !== undefined) expect(kept).toEqual(expect.arrayContaining(named));
  });

  test('judge a recorded series only if a rule before them records it', () => {
    const recordedAt = new Map(rules.map((rule, index) => ['record' in rule ? rule.record : '', index]));
    rules.forEach((rule, index) => {
      for (const name of listSeries(rule.expr).filter((each) => each.includes(':'))) expect(recordedAt.get(name)).toBeLessThan(index);
    });
  });

  test('have the thresholds that the runbook prints', () => {
    expect(alert('ZastavaRuntimeBackendLatencyHigh')).toMatchObject({ expr: expect.stringMatching(/:p95_5m > 750$/), for: '5m' });
    expect(alert('ZastavaAdmissionDenySpike').expr).toMatch(/:denies_per_minute_2m > 20$/);
    expect(alert('ZastavaAdmissionDenySpike').for).toBeUndefined();
    expect(alert('ZastavaAuthorityStaticTokenOld').expr).toMatch(/ > 82800$/);
    expect(alertThresholds.upgradeP95MsMax).toBe(250);
  });
});

test('each recorded series is in the catalogue, and each one there is recorded', () => {
  const recorded = rules.flatMap((rule) => ('record' in rule ? [rule.record] : []));
  expect(buildCatalogue().recorded).toEqual(recorded.sort());
});
