/**
 * Marked objects → the text of a template. Parts that are missing without a condition get an `if` around them, elements with the
 * mark of a list a `range`, and every other mark becomes an expression. Parts that depend on nothing are plain YAML.
 */
import { isDeepStrictEqual } from 'node:util';
import { renderYaml } from '../render-artifacts.ts';
import { markedFact, type FactName, type MarkedStep } from './marked-facts.ts';

/** What is left of a part of an object, for each condition that takes something of it. */
type Without = ReadonlyMap<FactName, unknown>;

interface Part {
  readonly value: unknown;
  /** Conditions without which it is not there. */
  readonly guards: readonly FactName[];
  readonly without: Without;
}

type Block = Readonly<Record<string, unknown>>;

/** Without objects: an empty text. */
export function renderTemplate({ objects, without }: MarkedStep): string {
  const documents = elementsOf(objects, without).flatMap((part) => guarded(part, ['---', ...renderPart(part)]));
  const facts = documents.some((line) => line.includes('$facts.')) ? ['{{- $facts := include "zastava.facts" . | fromJson }}'] : [];
  return [...facts, ...documents, ''].join('\n');
}

/** Lines of block YAML, not indented. */
function renderPart({ value, without }: Pick<Part, 'value' | 'without'>): string[] {
  if (without.size === 0 && !hasMark(value)) return escaped(renderYaml(value).trimEnd().split('\n'));
  if (typeof value === 'string') return [`{{ ${expression(markedFact(value))} | toJson }}`];
  if (Array.isArray(value)) return elementsOf(value, without).flatMap((part) => guarded(part, repeated(part)));
  return membersOf(value as Block, without).flatMap(({ key, ...part }) => guarded(part, renderMember(key, part)));
}

function renderMember(key: string, part: Part): string[] {
  if (part.without.size === 0 && !hasMark(part.value)) return escaped(renderYaml({ [key]: part.value }).trimEnd().split('\n'));
  const lines = renderPart(part);
  return typeof part.value === 'string' ? [`${key}: ${lines.join('')}`] : [`${key}:`, ...indented(lines)];
}

function repeated(part: Part): string[] {
  const list = listOf(part.value);
  const [first = '', ...more] = renderPart(part);
  // A condition on the first key needs a line of its own.
  const lines = first.startsWith('{{-') ? ['-', ...indented([first, ...more])] : [`- ${first}`, ...indented(more)];
  return list === undefined ? lines : [`{{- range ${expression(list)} }}`, ...lines.map((line) => line.replace(expression(list), '.')), '{{- end }}'];
}

function guarded({ guards }: Pick<Part, 'guards'>, lines: readonly string[]): string[] {
  return guards.reduceRight<string[]>((inner, guard) => [`{{- if ${expression(guard)} }}`, ...inner, '{{- end }}'], [...lines]);
}

function membersOf(block: Block, without: Without): (Part & { readonly key: string })[] {
  return Object.entries(block).map(([key, value]) => ({ key, ...partOf(value, [...without].map(([condition, less]) => [condition, (less as Block)[key]])) }));
}

/** What is left keeps its order, so each element of it is the first one that it can be a part of. */
function elementsOf(list: readonly unknown[], without: Without): Part[] {
  const aligned = [...without].map(([condition, less]) => [condition, align(less as readonly unknown[], list)] as const);
  return list.map((value, index) => partOf(value, aligned.map(([condition, left]) => [condition, left[index]])));
}

function partOf(value: unknown, left: readonly (readonly [FactName, unknown])[]): Part {
  const guards = left.filter(([, less]) => less === undefined).map(([condition]) => condition);
  return { value, guards, without: new Map(left.filter(([, less]) => less !== undefined && !isDeepStrictEqual(less, value))) };
}

/** For each element of `more` what is left of it. @throws where something was changed, and not left out. */
function align(less: readonly unknown[], more: readonly unknown[]): unknown[] {
  const rest = [...less];
  const left = more.map((value) => (rest.length > 0 && isPart(rest[0], value) ? rest.shift() : undefined));
  if (rest.length > 0) throw new Error(`a condition changes what it may only leave out: ${JSON.stringify(rest[0])}`);
  return left;
}

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
  return Object.entries(less).every(([key, value]) => key in more && isPart(value, (more as Block)[key]));
}

/** Only the innermost list counts: a list of its own below it repeats there. */
function listOf(value: unknown): FactName | undefined {
  const texts = typeof value === 'string' ? [value] : value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.values(value) : [];
  return texts.map((text) => (typeof text === 'string' ? markedFact(text) : undefined)).find((name) => name?.startsWith('each.'));
}

function hasMark(value: unknown): boolean {
  if (typeof value === 'string') return markedFact(value) !== undefined;
  return value !== null && typeof value === 'object' && Object.values(value).some(hasMark);
}

function expression(name: FactName | undefined): string {
  return `$facts.${name}`;
}

/** What looks like an action of a template is one of Prometheus, and stays as it is. */
function escaped(lines: readonly string[]): string[] {
  return lines.map((line) => line.replaceAll('{{', '{{ "{{" }}'));
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
