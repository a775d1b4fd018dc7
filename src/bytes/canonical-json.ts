/**
 * Canonical JSON (RFC 8785): one text for one value, so that its bytes can be hashed and signed. Numbers and strings
 * are already as the RFC wants them in ECMAScript's own JSON; what remains is the order of keys and the refusals.
 * The webhook renders every Pod's spec so, hence two ways: an ordinary value is put in order and left to JSON.stringify, which is
 * twice as fast; any other is rendered with care, and refused in words.
 */
import { ZastavaError } from '../contract/errors.ts';

/** Where the renderer is: the names and indices down to the value, and the objects around it. */
interface Place {
  readonly steps: (string | number)[];
  readonly parents: object[];
}

/**
 * Keys sorted by UTF-16 code units, no white space. A value that JSON cannot carry without loss (undefined, NaN,
 * bigint, a lone surrogate, an object that is not a plain one, a cycle) is refused with `internal`: it is a mistake of the caller.
 */
export function canonicalJson(value: unknown): string {
  const ordered = inOrder(value, 0);
  const text = ordered === undefined ? loneSurrogate : JSON.stringify(ordered);
  return text.includes(loneSurrogate) ? render(value, { steps: [], parents: [] }) : text;
}

/** How JSON.stringify writes one begins so. */
const loneSurrogate = '\\ud';

/** Beyond it lies perhaps a cycle. */
const ordinaryDepth = 100;

/** The same value with its keys in order; undefined when it is not ordinary. */
function inOrder(value: unknown, depth: number): unknown {
  if (typeof value === 'string' || value === null || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (typeof value !== 'object' || depth > ordinaryDepth) return undefined;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value as unknown[]) {
      const ordered = inOrder(item, depth + 1);
      if (ordered === undefined) return undefined;
      items.push(ordered);
    }
    return items;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  const members: Record<string, unknown> = {};
  for (const key of keysInOrder(value)) {
    const ordered = hasOwnOrder(key) ? undefined : inOrder((value as Readonly<Record<string, unknown>>)[key], depth + 1);
    if (ordered === undefined) return undefined;
    members[key] = ordered;
  }
  return members;
}

/** Keys that are numbers come first in every object, in an order of their own; the other one is no key when it is set. */
function hasOwnOrder(key: string): boolean {
  const first = key.charCodeAt(0);
  return (first >= 48 && first <= 57) || key === '__proto__';
}

function render(value: unknown, place: Place): string {
  if (typeof value === 'string') return renderText(value, place);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== 'object') throw refusal(value, place);
  const { parents } = place;
  if (parents.includes(value)) throw new ZastavaError('internal', `Canonical JSON: ${whereIs(place)} contains itself.`);
  parents.push(value);
  const text = Array.isArray(value) ? renderArray(value, place) : renderObject(value, place);
  parents.pop();
  return text;
}

function renderText(text: string, place: Place): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  throw refusal(text, place);
}

function renderArray(items: readonly unknown[], place: Place): string {
  let text = '[';
  for (let index = 0; index < items.length; index += 1) {
    place.steps.push(index);
    text += (index === 0 ? '' : ',') + render(items[index], place);
    place.steps.pop();
  }
  return `${text}]`;
}

function renderObject(value: object, place: Place): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refusal(value, place);
  let text = '{';
  for (const key of keysInOrder(value)) {
    place.steps.push(key);
    text += `${text === '{' ? '' : ','}${renderText(key, place)}:${render((value as Readonly<Record<string, unknown>>)[key], place)}`;
    place.steps.pop();
  }
  return `${text}}`;
}

/** Many objects have their keys in order; to see that is cheaper than to sort. */
function keysInOrder(value: object): string[] {
  const keys = Object.keys(value);
  for (let index = 1; index < keys.length; index += 1) {
    if ((keys[index - 1] as string) > (keys[index] as string)) return keys.sort();
  }
  return keys;
}

function whereIs({ steps }: Place): string {
  return steps.reduce<string>((where, step) => (typeof step === 'number' ? `${where}[${step}]` : `${where}.${step}`), '$');
}

function refusal(value: unknown, place: Place): ZastavaError {
  const found = typeof value === 'object' ? `an instance of ${value?.constructor.name}` : typeof value === 'number' ? String(value) : `a ${typeof value}`;
  const what = typeof value === 'string' ? 'a string with a lone surrogate' : found;
  return new ZastavaError('internal', `Canonical JSON: ${whereIs(place)} is ${what}, which JSON cannot carry.`);
}
