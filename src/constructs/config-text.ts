/**
 * The JSON text in a ConfigMap: keys sorted by code units, no white space (RFC 8785 for what values can hold: plain
 * objects, lists, texts, whole numbers, booleans). Helm's `toRawJson` writes the same bytes.
 */
export function configText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(configText).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${configText(member)}`).join(',')}}`;
}
