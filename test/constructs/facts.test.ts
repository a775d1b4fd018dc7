/**
 * That a chart can be made from the same constructs (adr/0002): they place facts, repeat elements and leave things out,
 * but never compute. Marks in place of the facts must come through whole.
 */
import { App } from 'cdk8s';
import { describe, expect, test } from 'vitest';
import { buildFacts, type Facts } from '../../src/constructs/facts.ts';
import { addRuntimePlane } from '../../src/constructs/runtime-plane.ts';
import { placeholderImages, readSet } from '../fakes/value-sets.ts';

const sample = buildFacts(readSet('everything'), placeholderImages);
type When = keyof Facts['when'];
type Each = keyof Facts['each'];
const conditions = Object.keys(sample.when) as When[];
const lists = Object.keys(sample.each) as Each[];

const mark = (name: string) => `⟦${name}⟧`;

function markedFacts(elements: Partial<Record<Each, number>> = {}, absent?: When): Facts {
  return {
    put: Object.fromEntries(Object.keys(sample.put).map((name) => [name, mark(name)])) as unknown as Facts['put'],
    each: Object.fromEntries(lists.map((name) => [name, Array.from({ length: elements[name] ?? 1 }, (_, index) => mark(`${name}.${index}`))])) as unknown as Facts['each'],
    when: Object.fromEntries(conditions.map((name) => [name, name !== absent])) as unknown as Facts['when'],
  };
}

function objects(facts: Facts): unknown[] {
  return addRuntimePlane(new App({ outdir: 'unused' }), facts).flatMap((chart) => chart.toJson() as unknown[]);
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.entries(value).flatMap(([key, member]) => [key, ...texts(member)]) : [];
}

/** `less` is `more` with keys, elements or objects left out, and nothing changed. */
function isPart(less: unknown, more: unknown): boolean {
  if (Array.isArray(less) && Array.isArray(more)) {
    let from = 0;
    return less.every((item) => {
      const at = more.findIndex((candidate, index) => index >= from && isPart(item, candidate));
      from = at + 1;
      return at >= 0;
    });
  }
  if (less === null || more === null || typeof less !== 'object' || typeof more !== 'object') return less === more;
  return Object.entries(less).every(([key, value]) => key in more && isPart(value, (more as Record<string, unknown>)[key]));
}

const all = objects(markedFacts());

describe('the constructs', () => {
  test('place every fact, and change none', () => {
    const found = texts(all);
    for (const name of Object.keys(sample.put)) expect(found, name).toContain(mark(name));
    for (const name of lists) expect(found, name).toContain(mark(`${name}.0`));
    const whole = /^(?:[^⟦⟧]|⟦(?:[A-Za-z0-9]+)(?:\.0)?⟧)*$/;
    expect(found.filter((text) => !whole.test(text))).toEqual([]);
  });

  test.each(conditions)('only leave things out when %s does not hold', (name) => {
    const less = objects(markedFacts({}, name));
    expect(less).not.toEqual(all);
    expect(isPart(less, all)).toBe(true);
  });

  test.each(lists)('make one element for each of %s', (name) => {
    const two = JSON.stringify(objects(markedFacts({ [name]: 2 })));
    const one = JSON.stringify(all);
    const element = one.match(new RegExp(`(?:\\{"name":)?"⟦${name}\\.0⟧"\\}?`))?.[0] ?? '';
    expect(element).not.toBe('');
    expect(two).toBe(one.replaceAll(element, `${element},${element.replace('.0', '.1')}`));
  });

  test.each(lists)('leave out what %s was for when it is empty', (name) => {
    const none = objects(markedFacts({ [name]: 0 }));
    expect(isPart(none, all)).toBe(true);
    expect(JSON.stringify(none)).not.toContain('[]');
  });
});

test('the part-of check of this file sees a change', () => {
  expect(isPart([{ a: 1 }], [{ a: 2 }])).toBe(false);
  expect(isPart({ a: [2, 1] }, { a: [1, 2] })).toBe(false);
  expect(isPart({ a: [1, 3] }, { a: [1, 2, 3], b: 1 })).toBe(true);
});

describe('the facts', () => {
  test('change the checksum of a program only when what it reads changes', () => {
    const base = readSet('minimal');
    const checksums = (zastava: typeof base.zastava) => {
      const { observerConfigSha256, webhookConfigSha256 } = buildFacts({ zastava }, placeholderImages).put;
      return [observerConfigSha256, webhookConfigSha256];
    };
    const [observer, webhook] = checksums(base.zastava);
    expect(checksums({ ...base.zastava, webhook: { ...base.zastava.webhook, replicas: 9 } })).toEqual([observer, webhook]);
    expect(checksums({ ...base.zastava, images: { registry: 'x', pullSecrets: [] } })).toEqual([observer, webhook]);
    const [observerToo, otherWebhook] = checksums({ ...base.zastava, webhook: { ...base.zastava.webhook, tagPolicy: 'deny' } });
    expect(observerToo).toBe(observer);
    expect(otherWebhook).not.toBe(webhook);
  });

  test('hold the configuration as canonical JSON that has neither list of the other program', () => {
    const { observerConfig, webhookConfig } = sample.put;
    expect(Object.keys((JSON.parse(observerConfig) as { zastava: object }).zastava)).toEqual(['observer', 'runtime']);
    expect(Object.keys((JSON.parse(webhookConfig) as { zastava: object }).zastava)).toEqual(['runtime', 'webhook']);
    expect(webhookConfig).toContain('"namespaces":{"10":"warn","9":"audit","legacy":"warn","sandbox":"audit"}');
  });
});
