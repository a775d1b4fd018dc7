import { describe, expect, test } from 'vitest';
import { commonLabels, metrics } from '../../src/contract/metrics.ts';
import type { Metric } from '../../src/contract/metrics.ts';

const all = Object.values<Metric>(metrics);

/** How the name of a gauge or histogram ends, by its unit. */
const suffixes: Readonly<Record<Metric['unit'], string>> = {
  count: '', boolean: '', milliseconds: '_ms', seconds: '_seconds', bytes: '_bytes', timestamp: '_timestamp_seconds',
};

test('the names of the runbook are these', () => {
  expect([metrics.events, metrics.backendLatency, metrics.decisions, metrics.cacheHits].map(({ dotted, name }) => [dotted, name])).toEqual([
    ['zastava.runtime.events.total', 'zastava_runtime_events_total'],
    ['zastava.runtime.backend.latency.ms', 'zastava_runtime_backend_latency_ms'],
    ['zastava.admission.decisions.total', 'zastava_admission_decisions_total'],
    ['zastava.admission.cache.hits.total', 'zastava_admission_cache_hits_total'],
  ]);
});

test('no two metrics have the same name', () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

describe('each metric', () => {
  test.each(all.map((metric) => [metric.name, metric] as const))('%s is named by type and unit, as Prometheus advises', (name, { type, unit }) => {
    expect(name).toMatch(/^zastava(_[a-z0-9]+)+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type !== 'counter') expect(name.endsWith(suffixes[unit])).toBe(true);
  });

  test.each(all.map((metric) => [metric.name, metric] as const))('%s has labels with distinct values that clash with no common label', (_, { labels }) => {
    for (const [label, values] of Object.entries(labels)) {
      expect(label).toMatch(/^[a-zA-Z]+$/);
      expect(commonLabels).not.toContain(label);
      if (values !== 'open') expect(new Set(values).size).toBe(values.length);
    }
  });

  test.each(all.map((metric) => [metric.name, metric] as const))('%s has buckets if it is a histogram, in ascending order and with both gates', (_, { type, buckets }) => {
    expect(buckets !== undefined).toBe(type === 'histogram');
    if (buckets === undefined) return;
    expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
    expect(buckets).toEqual(expect.arrayContaining([250, 750]));
  });
});
