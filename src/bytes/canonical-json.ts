/**
 * Canonical JSON (RFC 8785): one text for one value, so that its bytes can be hashed and signed. Numbers and strings
 * are already as the RFC wants them in ECMAScript's own JSON; what remains is the order of keys and the refusals.
 * The webhook renders every Pod's spec so, hence the care for speed: places are put into words only for a refusal.
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
  return render(value, { steps: [], parents: [] });
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
  if (plainText.test(text)) return `"${text}"`;
  if (text.isWellFormed()) return JSON.stringify(text);
  throw refusal(text, place);
}

/** Printable ASCII with nothing to escape. */
const plainText = /^[ !#-[\]-~]*$/;

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
