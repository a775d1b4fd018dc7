/**
 * How a value of a values file appears in a message: short, and never when it could be a secret that was pasted
 * into the wrong place (PEM, JWT, long random text, credentials in a URL).
 */

const lengthMax = 60;

const secretLike = [
  /-----BEGIN/,
  /\beyJ[A-Za-z0-9_-]*/,
  /:\/\/[^/\s]*@/,
  /[A-Za-z0-9+/=_]{24,}/,
  /(?=[^\s]*[0-9])[A-Za-z0-9+/=_-]{32,}/,
  /\b(?:bearer|basic|dpop)\s+\S/i,
  /(?:secret|password|passwd|token|private|api.?key)\s*[=:]/i,
];

export function shownValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a block of keys';
  if (typeof value !== 'string') return String(value);
  return isSecretLike(value) ? `a text of ${value.length} characters (not shown: it may be a secret)` : JSON.stringify(shortened(value));
}

/** A key as a step of a path. */
export function shownKey(key: PropertyKey): string {
  const text = String(key);
  return isSecretLike(text) ? `<key of ${text.length} characters>` : shortened(text);
}

function isSecretLike(text: string): boolean {
  return secretLike.some((pattern) => pattern.test(text));
}

function shortened(text: string): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
}
