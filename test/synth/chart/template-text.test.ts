/** How marked objects become a template: on small objects, where the text can be read. */
import { describe, expect, test } from 'vitest';
import type { FactName } from '../../../src/synth/chart/marked-facts.ts';
import { renderTemplate } from '../../../src/synth/chart/template-text.ts';

const render = (object: object, without: Partial<Record<FactName, object | undefined>> = {}): string =>
  renderTemplate({ name: 'step', objects: [object], without: new Map(Object.entries(without).map(([name, less]) => [name as FactName, less === undefined ? [] : [less]])) });

const lines = (...text: readonly string[]): string => `${text.join('\n')}\n`;
const facts = '{{- $facts := include "zastava.facts" . | fromJson }}';

describe('a template', () => {
  test('of what depends on nothing is plain YAML', () => {
    expect(render({ a: { b: ['x', 1, true] } })).toBe(lines('---', 'a:', '  b:', '    - x', '    - 1', '    - true'));
  });

  test('has an expression in place of a fact, of whatever type', () => {
    expect(render({ a: '⟦put.x⟧', b: 'x' })).toBe(lines(facts, '---', 'a: {{ $facts.put.x | toJson }}', 'b: x'));
  });

  test('has a condition around the smallest part that goes away', () => {
    const whole = { a: { b: 'x', c: 'z' }, d: ['e', { f: 'g' }] };
    expect(render(whole, { 'when.x': { a: { b: 'x' }, d: ['e'] } })).toBe(lines(
      facts, '---', 'a:', '  b: x', '  {{- if $facts.when.x }}', '  c: z', '  {{- end }}', 'd:', '  - e', '  {{- if $facts.when.x }}', '  - f: g', '  {{- end }}',
    ));
  });

  test('has one condition in another where both decide, and around a whole object', () => {
    expect(render({ a: 'b', c: 'd' }, { 'when.x': { a: 'b' }, 'when.y': { a: 'b' }, 'when.z': undefined })).toBe(lines(
      facts, '{{- if $facts.when.z }}', '---', 'a: b', '{{- if $facts.when.x }}', '{{- if $facts.when.y }}', 'c: d', '{{- end }}', '{{- end }}', '{{- end }}',
    ));
  });

  test('repeats the element of a list, and leaves out what the list was for', () => {
    expect(render({ a: [{ name: '⟦each.x⟧' }], b: 'c' }, { 'each.x': { b: 'c' } })).toBe(lines(
      facts, '---', '{{- if $facts.each.x }}', 'a:', '  {{- range $facts.each.x }}', '  - name: {{ . | toJson }}', '  {{- end }}', '{{- end }}', 'b: c',
    ));
  });

  test('lets a condition come first in an element', () => {
    expect(render({ a: [{ b: 'c', d: 'e' }] }, { 'when.x': { a: [{ d: 'e' }] } })).toBe(lines(
      facts, '---', 'a:', '  -', '    {{- if $facts.when.x }}', '    b: c', '    {{- end }}', '    d: e',
    ));
  });

  test('keeps the actions of others, such as those of Prometheus', () => {
    expect(render({ a: 'is {{ $value }} ms' })).toBe(lines('---', 'a: is {{ "{{" }} $value }} ms'));
  });
});

describe('no template is made', () => {
  test('of a fact that is a part of a text', () => {
    expect(() => render({ a: 'x/⟦put.y⟧' })).toThrow(/put\.y.*must stand alone/);
  });

  test('where a condition changes something', () => {
    expect(() => render({ a: 'b' }, { 'when.x': { a: 'c' } })).toThrow(/may only leave out/);
    expect(() => render({ a: ['b'] }, { 'when.x': { a: ['b', 'c'] } })).toThrow(/may only leave out/);
  });
});
