import { expect, test } from 'vitest';
import { diffFields } from '../../../src/kit/diff/fields.ts';

const container = (name: string, image: string): object => ({ name, image });

test('equal values do not differ, whatever the order of their members', () => {
  expect(diffFields({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toEqual([]);
});

test('a changed, an added and a removed member have their paths', () => {
  expect(diffFields({ a: { b: 1, c: 'x' } }, { a: { b: 2, d: { e: true } } })).toEqual([
    { field: 'a.b', before: '1', after: '2' },
    { field: 'a.c', before: 'x', after: null },
    { field: 'a.d', before: null, after: '{"e":true}' },
  ]);
});

test('items of a list are matched by name, so that one more is one change', () => {
  const before = { containers: [container('observer', 'a'), container('sidecar', 'b')] };
  const after = { containers: [container('new', 'c'), container('observer', 'a2'), container('sidecar', 'b')] };
  expect(diffFields(before, after)).toEqual([
    { field: 'containers[observer].image', before: 'a', after: 'a2' },
    { field: 'containers[new]', before: null, after: '{"image":"c","name":"new"}' },
  ]);
});

test('the order of a list is seen where items have no name of their own', () => {
  expect(diffFields({ args: ['a', 'b'] }, { args: ['b', 'a'] })).toEqual([{ field: 'args', before: '["a","b"]', after: '["b","a"]' }]);
  expect(diffFields([{ name: 'x' }, { name: 'x' }], [{ name: 'x' }])).toEqual([{ field: '', before: '[{"name":"x"},{"name":"x"}]', after: '[{"name":"x"}]' }]);
});

test('named items in another order differ: a list is ordered', () => {
  expect(diffFields([container('a', '1'), container('b', '2')], [container('b', '2'), container('a', '1')])).toEqual([{ field: '', before: 'a, b', after: 'b, a' }]);
});

test('JSON in a text is looked into; the same JSON in another form differs as a text', () => {
  expect(diffFields({ 'values.json': '{"tenant":"a"}' }, { 'values.json': '{"tenant":"b"}' })).toEqual([{ field: '["values.json"].tenant', before: 'a', after: 'b' }]);
  expect(diffFields('{"a":1}', '{"a": 1}')).toEqual([{ field: '', before: '{"a":1}', after: '{"a": 1}' }]);
});

test('a number is not its text', () => {
  expect(diffFields({ replicas: 2 }, { replicas: '2' })).toEqual([{ field: 'replicas', before: '2', after: '"2"' }]);
});

test('members that every object seems to have are seen when they come', () => {
  const hostile: unknown = JSON.parse('{"__proto__":{},"constructor":{}}');
  expect(diffFields({}, hostile).map(({ field }) => field)).toEqual(['__proto__', 'constructor']);
});
