import { expect, test } from 'vitest';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';

const deny = { decision: 'deny', mode: 'enforced', reason: 'policy.fail' } as const;

test('every sample carries the common tags', async () => {
  const metrics = new Metrics('webhook', { cluster: 'edge-1', site: 'hamburg' });
  metrics.count(catalogue.decisions, deny);
  metrics.set(catalogue.buildInfo, { component: 'webhook', version: '1.0.0' }, 1);
  metrics.observe(catalogue.admissionDuration, { stage: 'total' }, 3);
  const { type, body } = await metrics.render();
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(samples.length).toBeGreaterThan(10);
  for (const sample of samples) expect(sample).toMatch(/cluster="edge-1",site="hamburg"/);
});

test('a counter can be shown before its first event, and counts on from there', async () => {
  const metrics = new Metrics('webhook', {});
  metrics.count(catalogue.decisions, deny, 0);
  expect((await metrics.render()).body).toContain('zastava_admission_decisions_total{decision="deny",mode="enforced",reason="policy.fail"} 0');
  metrics.count(catalogue.decisions, deny);
  metrics.count(catalogue.decisions, deny);
  expect((await metrics.render()).body).toContain('reason="policy.fail"} 2');
});

test('a histogram has the edges of the catalogue', async () => {
  const metrics = new Metrics('webhook', {});
  metrics.observe(catalogue.admissionDuration, { stage: 'total' }, 300);
  const edges = [...(await metrics.render()).body.matchAll(/le="([^"]+)"/g)].map((match) => match[1]);
  expect(edges).toEqual([...catalogue.admissionDuration.buckets.map(String), '+Inf']);
});

test('a metric of the other program is refused', () => {
  expect(() => new Metrics('observer', {}).count(catalogue.decisions, deny)).toThrow('the catalogue gives zastava_admission_decisions_total to webhook, not to observer');
});
