import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderObservability } from '../../src/synth/render-observability.ts';

const root = join(import.meta.dirname, '../..');

test.each([...renderObservability()])('%s is fresh (if not: npm run synth)', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

test('the rules file has the shape that Prometheus loads, and no YAML anchors', () => {
  const rules = renderObservability().get('docs/ops/zastava-runtime-prometheus-rules.yaml');
  expect(rules).toMatch(/^groups:\n {2}- name: zastava-runtime\n {4}rules:\n {6}- record: /);
  expect(rules).not.toMatch(/: [&*]/);
});
