/** The checker that the other tests trust must itself see each kind of mistake. */
import { expect, test } from 'vitest';
import { listPromqlProblems } from './promql-checker.ts';

test.each([
  ['sum(', 'syntax error'],
  ['zastava_runtime_event_total', 'unknown metric'],
  ['{__name__="zastava_runtime_events_total"}', 'unknown metric'],
  ['zastava_runtime_backend_latency_ms', 'unknown metric'],
  ['zastava_runtime_events_total{pod="x"}', 'unknown label pod'],
  ['zastava_admission_decisions_total{decision="denied"}', 'unknown value "denied"'],
  ['sum by (clusters) (zastava_build_info)', 'unknown label clusters'],
])('%s is a problem', (expr, problem) => {
  expect(listPromqlProblems(expr).join()).toContain(problem);
});

test('the line of the runbook is none', () => {
  expect(listPromqlProblems('rate(zastava_runtime_events_total[5m])')).toEqual([]);
});
