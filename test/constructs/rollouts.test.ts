/**
 * Which Pods a change of one value restarts: those of the program that reads it, and no others. Both read zastava.runtime, where the
 * revision of their keys is; the webhook's certificate is in its own part.
 */
import { expect, test } from 'vitest';
import { parseValues } from '../../src/config/parse-values.ts';
import { fileOf, options, withOption, type Option } from '../fakes/generated-values.ts';
import { at, renderObjects } from '../fakes/rendered-objects.ts';

const kinds = ['DaemonSet', 'Deployment'] as const;
const base: readonly Option[] = options.map(([first]) => first!);

function podTemplates(row: readonly Option[]): unknown[] {
  const objects = renderObjects(parseValues(JSON.stringify(fileOf(row)), 'test'));
  return kinds.map((kind) => at(objects.find((object) => object.kind === kind), 'spec.template'));
}

const before = podTemplates(base);
/** What only the API server or Prometheus reads. */
const restartsNone = ['zastava.webhook.replicas', 'zastava.monitoring.crds'];

test.each(options.map(([first, ...others]) => [first!.path, others] as const))('%s', (path, others) => {
  const expected = restartsNone.includes(path) ? [] : path.startsWith('zastava.observer.') ? ['DaemonSet'] : path.startsWith('zastava.webhook.') ? ['Deployment'] : kinds;
  expect(others.length).toBeGreaterThan(0);
  for (const option of others) {
    const after = podTemplates(withOption(base, option));
    const restarted = kinds.filter((_, index) => JSON.stringify(after[index]) !== JSON.stringify(before[index]));
    // A default that is said aloud changes nothing.
    expect(restarted, JSON.stringify(option.value)).toEqual(JSON.stringify(option.value) === defaultOf(path) ? [] : expected);
  }
});

function defaultOf(path: string): string | undefined {
  return JSON.stringify(at(parseValues(JSON.stringify(fileOf(base)), 'test'), path));
}
