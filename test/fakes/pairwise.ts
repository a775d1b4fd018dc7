/** Values files in which every two options meet, as few as a greedy choice gives; and the pairs that contradict each other. */
import { fileOf, options, problemsOf, withOption, type Block, type Option } from './generated-values.ts';

export interface Pairwise {
  readonly files: readonly Block[];
  /** Pairs that no file can have: `path=value & path=value`. */
  readonly contradictions: readonly string[];
}

const keyOf = (one: Option, other: Option) => [one, other].map(({ path, value }) => `${path}=${JSON.stringify(value)}`).sort().join(' & ');

export function buildPairwise(): Pairwise {
  const all = options.flatMap((own, index) => options.slice(index + 1).flatMap((others) => own.flatMap((one) => others.map((other) => [one, other] as const))));
  const due = new Map(all.map((pair) => [keyOf(...pair), pair]));
  const files: Block[] = [];
  const contradictions: string[] = [];
  for (const [key, pair] of all.map((one) => [keyOf(...one), one] as const)) {
    if (!due.has(key)) continue;
    const row = completed(pair, due);
    if (row === undefined) {
      contradictions.push(key);
      due.delete(key);
      continue;
    }
    row.forEach((one, index) => row.slice(index + 1).forEach((other) => due.delete(keyOf(one, other))));
    files.push(fileOf(row));
  }
  return { files, contradictions: contradictions.sort() };
}

/** A file with both and one option of each other key, of those that stay acceptable the one with most pairs to come; undefined where the two contradict. */
function completed(pair: readonly Option[], due: ReadonlyMap<string, unknown>): readonly Option[] | undefined {
  const free = options.filter(([first]) => !pair.some(({ path }) => path === first?.path));
  let row: readonly Option[] | undefined = [...pair, ...free.map(([first]) => first!)];
  // What two options need a third one for: found by trying each.
  if (!isAccepted(row)) row = free.flatMap((own) => own.map((option) => withOption(row!, option))).find(isAccepted);
  if (row === undefined) return undefined;
  for (const own of free) {
    const gain = (option: Option) => row!.filter(({ path }) => path !== option.path).filter((other) => due.has(keyOf(option, other))).length;
    const best = own.map((option) => ({ option, gain: gain(option) })).sort((a, b) => b.gain - a.gain).find(({ option }) => isAccepted(withOption(row!, option)));
    if (best) row = withOption(row, best.option);
  }
  return row;
}

function isAccepted(row: readonly Option[]): boolean {
  return problemsOf(fileOf(row)).length === 0;
}
