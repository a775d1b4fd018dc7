/**
 * Untrusted text → Values (contract section 2). Every problem is found in one go: what does not fit the schema, and
 * what contradicts other keys; then one error is thrown. The programs in the Pods read their part with the same schema.
 */
import type * as z from 'zod';
import { ZastavaError, type Problem } from '../contract/errors.ts';
import { nearestKey, type KeyTree } from './nearest-key.ts';
import { valuesSchema, type Values } from './schema.ts';
import { shownKey, shownValue } from './shown-value.ts';
import { ruleProblems, type Scope } from './value-rules.ts';
import { readYaml } from './yaml-text.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/**
 * A site's values file, with every default filled in and deeply frozen.
 * @param source how messages name the text, for example its path
 * @throws ZastavaError `values.invalid` with all problems
 */
export function parseValues(text: string, source: string): Values {
  return parse(text, source, 'site');
}

/**
 * The part of the values that a program in a Pod reads: `zastava.runtime` and its own block; other blocks take their
 * defaults, and what only manifests need may be missing.
 * @throws ZastavaError `values.invalid` with all problems
 */
export function parsePodValues(text: string, source: string): Values {
  return parse(text, source, 'pod');
}

function parse(text: string, source: string, scope: Scope): Values {
  const read = readYaml(text);
  if ('problems' in read) throw invalid(source, read.problems);
  const result = valuesSchema.safeParse(read.data);
  if (!result.success) {
    const { issues } = result.error;
    throw invalid(source, [...schemaProblems(issues, read.data), ...furtherProblems(issues, read.data, scope)]);
  }
  const problems = ruleProblems(result.data, scope);
  if (problems.length > 0) throw invalid(source, problems);
  return deepFreeze(result.data);
}

function invalid(source: string, problems: readonly Problem[]): ZastavaError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new ZastavaError('values.invalid', `${source} has ${count}`, { problems });
}

function schemaProblems(issues: readonly Issue[], data: unknown): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key));
    if (issue.code === 'invalid_key') {
      const key = issue.path.at(-1) ?? '';
      return [{ where: shownPath(issue.path), expected: `as the key ${issue.issues[0]?.message ?? 'another name'}`, found: shownKey(key) }];
    }
    const value = valueAt(data, issue.path);
    const found = typeof value === 'string' && value.includes('PRIVATE KEY') ? 'a private key (not shown); it belongs in a Secret' : shownValue(value);
    return [{ where: shownPath(issue.path), expected: issue.message, found }];
  });
}

function unknownKey(path: Path, key: string): Problem {
  const meant = nearestKey(keyTree(valuesSchema), path.map(String), key);
  const todo = meant === undefined ? {} : { todo: `did you mean ${meant}?` };
  return { where: shownPath([...path, key]), expected: 'a key of the schema', found: 'an unknown key', ...todo };
}

/**
 * What contradicts what in a file whose shape is wrong as well: the wrong parts are left out, the required ones put in,
 * and the rest is judged. Problems at places that are named already are not named again.
 */
function furtherProblems(issues: readonly Issue[], data: unknown, scope: Scope): Problem[] {
  const wrong = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path])).map(shownPath);
  const sound = valuesSchema.safeParse(merged(placeholders, without(data, new Set(wrong), [])));
  if (!sound.success) return [];
  return ruleProblems(sound.data, scope).filter(({ where }) => !wrong.some((path) => where === path || where.startsWith(`${path}.`) || where.startsWith(`${path}[`)));
}

const placeholders = {
  zastava: {
    runtime: {
      tenant: 'x', environment: 'x', deployment: 'x', authority: { issuer: 'https://x' }, metrics: { commonTags: { cluster: 'x' } },
    },
  },
};

function without(data: unknown, wrong: ReadonlySet<string>, path: Path): unknown {
  if (data === null || typeof data !== 'object') return data;
  const kept = (key: PropertyKey) => !wrong.has(shownPath([...path, key]));
  if (Array.isArray(data)) return data.flatMap((item, index) => (kept(index) ? [without(item, wrong, [...path, index])] : []));
  return Object.fromEntries(Object.entries(data).filter(([key]) => kept(key)).map(([key, value]) => [key, without(value, wrong, [...path, key])]));
}

function merged(base: unknown, over: unknown): unknown {
  if (!isBlock(base)) return over ?? base;
  if (!isBlock(over)) return base;
  return { ...over, ...Object.fromEntries(Object.entries(base).map(([key, value]) => [key, merged(value, over[key])])) };
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value !== null && typeof value === 'object' ? Reflect.get(value, step) : undefined), data);
}

function shownPath(path: Path): string {
  return path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text && '.'}${shownKey(step)}`), '') || 'the file';
}

function keyTree(schema: unknown): KeyTree {
  const { def } = schema as { def: { type: string; innerType?: unknown; shape?: Record<string, unknown> } };
  if (def.innerType) return keyTree(def.innerType);
  return Object.fromEntries(Object.entries(def.shape ?? {}).map(([key, value]) => [key, keyTree(value)]));
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
