/** Reads foreign JSON piece by piece: a piece of the wrong kind becomes a problem and an empty piece, so that all problems are found. */
import type { Problem } from '../contract/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function checkObject(value: unknown, where: string, problems: Problem[]): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  problems.push({ where, expected: 'an object', found: describe(value) });
  return {};
}

/** A list that may be absent. */
export function checkList(value: unknown, where: string, problems: Problem[]): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  problems.push({ where, expected: 'a list', found: describe(value) });
  return [];
}

/** A text that is not empty, and one of `allowed` if that is given. */
export function checkText(value: unknown, where: string, problems: Problem[], allowed?: readonly string[]): string {
  if (typeof value === 'string' && (allowed ? allowed.includes(value) : value !== '')) return value;
  const expected = allowed ? allowed.map((text) => JSON.stringify(text)).join(' or ') : 'a text that is not empty';
  problems.push({ where, expected, found: describe(value) });
  return '';
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value).slice(0, 80);
}
