/**
 * Two values compared path by path. Lists of objects are matched by the member that names their items, as Kubernetes
 * does, so that one more volume is one change; texts that hold JSON are looked into.
 */
import { isObject, type Json } from '../facts/documents.ts';

export interface FieldChange {
  /** `spec.template.spec.containers[observer].image` */
  readonly field: string;
  /** A text as it is, all else as JSON; null when it is not there. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Sorted by members, lists in their order; empty when both are equal. */
export function diffFields(before: unknown, after: unknown, field = ''): FieldChange[] {
  if (isEqual(before, after)) return [];
  const inside = diffInside(lookInto(before), lookInto(after), field);
  return inside.length > 0 ? inside : [wholeChange(before, after, field)];
}

/** Empty when the two can only be compared as wholes. */
function diffInside(a: unknown, b: unknown, field: string): FieldChange[] {
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => diffFields(own(a, key), own(b, key), join(field, key)));
  }
  return Array.isArray(a) && Array.isArray(b) ? diffLists(a, b, field) : [];
}

/** A document may have a member called `constructor` or `__proto__`. */
function own(object: Json, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** By the name of the items, and by place when both have as many without names. */
function diffLists(a: readonly unknown[], b: readonly unknown[], field: string): FieldChange[] {
  const objects = [...a, ...b];
  if (!objects.every(isObject)) return [];
  const member = namingMembers.find((name) => [a, b].every((list) => new Set(list.map((item) => nameOf(item, name))).size === list.length) && objects.every((item) => nameOf(item, name) !== undefined));
  if (member === undefined) return a.length === b.length ? a.flatMap((item, index) => diffFields(item, b[index], `${field}[${index}]`)) : [];
  const [before, after] = [a, b].map((list) => new Map(list.map((item) => [nameOf(item, member)!, item]))) as [Map<string, unknown>, Map<string, unknown>];
  const kept = [[before, after], [after, before]].map(([own, other]) => [...own!.keys()].filter((name) => other!.has(name)).join(', '));
  const moved = kept[0] === kept[1] ? [] : [wholeChange(kept[0], kept[1], field)];
  return [...moved, ...[...new Set([...before.keys(), ...after.keys()])].flatMap((name) => diffFields(before.get(name), after.get(name), `${field}[${name}]`))];
}

const namingMembers = ['name', 'mountPath', 'alert', 'record', 'path'];

function nameOf(item: unknown, member: string): string | undefined {
  const value = isObject(item) ? own(item, member) : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The object that a text holds, if it holds one. */
function lookInto(value: unknown): unknown {
  if (typeof value !== 'string' || !value.trimStart().startsWith('{')) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function join(field: string, key: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${field}[${JSON.stringify(key)}]`;
  return field === '' ? key : `${field}.${key}`;
}

function isEqual(a: unknown, b: unknown): boolean {
  return typeof a === typeof b && show(a) === show(b);
}

function wholeChange(before: unknown, after: unknown, field: string): FieldChange {
  // Beside a text, a number or the like must look like what it is: "2" is not 2.
  const mixed = before !== undefined && after !== undefined && typeof before !== typeof after;
  return { field, before: mixed ? canonical(before) : show(before), after: mixed ? canonical(after) : show(after) };
}

export function show(value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : canonical(value);
}

/** Members sorted. What YAML can write and JSON cannot (.inf, .nan) is shown by its name. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (isObject(member)) return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
    return typeof member === 'number' && !Number.isFinite(member) ? String(member) : member;
  });
}
