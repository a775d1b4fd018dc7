/** Did-you-mean for unknown keys: the sibling that is spelled almost so, or the same key in another block. */

/** Steps of the schema: a block of named keys, or a leaf, list or free map. */
export interface KeyTree {
  readonly [key: string]: KeyTree | undefined;
}

/** Path of the key that was probably meant, for example `zastava.runtime.authority.clientId`. */
export function nearestKey(tree: KeyTree, path: readonly string[], key: string): string | undefined {
  const siblings = Object.keys(path.reduce<KeyTree>((block, step) => block[step] ?? {}, tree));
  const [near] = siblings
    .map((name) => ({ name, distance: editDistance(name.toLowerCase(), key.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  if (near) return [...path, near.name].join('.');
  const elsewhere = allPaths(tree, []).filter((steps) => steps.at(-1) === key);
  return elsewhere.length === 1 ? elsewhere[0]?.join('.') : undefined;
}

function allPaths(tree: KeyTree, above: readonly string[]): string[][] {
  return Object.entries(tree).flatMap(([key, below]) => [[...above, key], ...allPaths(below ?? {}, [...above, key])]);
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment); long keys are never near. */
function editDistance(a: string, b: string): number {
  if (b.length > 64) return Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min((last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + cost);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      next.push(best);
    }
    [beforeLast, last] = [last, next];
  }
  return last[b.length] ?? Infinity;
}
