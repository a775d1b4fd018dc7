import { expect, test } from 'vitest';
import { metrics } from '../../../src/contract/metrics.ts';
import { buildCatalogue } from '../../../src/constructs/observability/catalogue.ts';

test('the catalogue has every metric, sorted', () => {
  const names = buildCatalogue().metrics.map(({ name }) => name);
  expect(names).toEqual(Object.values(metrics).map(({ name }) => name).sort());
});

test('an entry says all that a reader needs to check a rule', () => {
  expect(buildCatalogue().metrics.find(({ name }) => name === 'zastava_runtime_events_total')).toEqual({
    name: 'zastava_runtime_events_total',
    dotted: 'zastava.runtime.events.total',
    type: 'counter',
    unit: 'count',
    labels: ['tenant', 'component', 'kind', 'cluster'],
    values: {
      component: ['observer', 'webhook'],
      kind: ['containerStart', 'containerStop', 'drift', 'policyViolation', 'attestationStatus'],
    },
    programs: ['observer'],
    help: 'Runtime events that Scanner has accepted.',
  });
});
