/**
 * Canonical JSON (RFC 8785): one text for one value, so that its bytes can be hashed and signed. Numbers and strings
 * are already as the RFC wants them in ECMAScript's own JSON; what remains is the order of keys and the refusals.
 */
import { ZastavaError } from '../contract/errors.ts';

/**
 * Keys sorted by UTF-16 code units, no white space. A value that JSON cannot carry without loss (undefined, NaN,
 * bigint, a lone surrogate, an object that is not a plain one, a cycle) is refused with `internal`: it is a mistake of the caller.
 */
export function canonicalJson(value: unknown): string {
  return render(value, '$', new Set());
}

function render(value: unknown, where: string, parents: Set<object>): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === 'string' && value.isWellFormed()) return JSON.stringify(value);
  if (typeof value !== 'object') throw refusal(value, where);
  if (parents.has(value)) throw new ZastavaError('internal', `Canonical JSON: ${where} contains itself.`);
  parents.add(value);
  const text = Array.isArray(value) ? renderArray(value, where, parents) : renderObject(value, where, parents);
  parents.delete(value);
  return text;
}

function renderArray(items: readonly unknown[], where: string, parents: Set<object>): string {
  return `[${Array.from(items, (item, index) => render(item, `${where}[${index}]`, parents)).join(',')}]`;
}

function renderObject(value: object, where: string, parents: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refusal(value, where);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${render(key, `the name of ${where}.${key}`, parents)}:${render(member, `${where}.${key}`, parents)}`).join(',')}}`;
}

function refusal(value: unknown, where: string): ZastavaError {
  const found = typeof value === 'object' ? `an instance of ${value?.constructor.name}` : typeof value === 'number' ? String(value) : `a ${typeof value}`;
  const what = typeof value === 'string' ? 'a string with a lone surrogate' : found;
  return new ZastavaError('internal', `Canonical JSON: ${where} is ${what}, which JSON cannot carry.`);
}
