/** Times whole programs, turn by turn, so that a machine that slows down slows all of them. */
import { spawnSync } from 'node:child_process';

export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** Run before each turn, untimed. */
  readonly before?: () => void;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Run {
  readonly name: string;
  /** One for each round. */
  readonly seconds: number[];
  /** The largest that a process of it ever had in memory, MiB. */
  rssMiB: number;
}

/** One turn of each contender a round. Throws when one ends with an error. */
export function timeAll(contenders: readonly Contender[], rounds: number): Run[] {
  const runs = contenders.map(({ name }): Run => ({ name, seconds: [], rssMiB: 0 }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const { seconds, rssMiB } = timeOne(contender);
      runs[index]!.seconds.push(seconds);
      runs[index]!.rssMiB = Math.max(runs[index]!.rssMiB, rssMiB);
    }
  }
  return runs;
}

/** By `time`, which starts the program from a small process: a child counts what its parent had before the exec as its own. */
function timeOne({ command, before, env }: Contender): { seconds: number; rssMiB: number } {
  before?.();
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync('/usr/bin/env', ['time', '-f', '%M', ...command], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}: ${stderr}`);
  return { seconds, rssMiB: Number(stderr.trim().split('\n').at(-1)) / 1024 };
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** A table of the runs; each of `limits` gives a column of ratios to the median of that run. */
export function printRuns(bytes: number, runs: readonly Run[], limits: readonly string[]): void {
  const medians = new Map(runs.map(({ name, seconds }) => [name, median(seconds)]));
  console.table(runs.map(({ name, seconds, rssMiB }) => ({
    what: name,
    'seconds (median)': median(seconds).toFixed(3),
    'fastest': Math.min(...seconds).toFixed(3),
    'MiB/s': (bytes / 2 ** 20 / median(seconds)).toFixed(0),
    'peak MiB': rssMiB.toFixed(0),
    ...Object.fromEntries(limits.filter((limit) => medians.has(limit)).map((limit) => [`times ${limit}`, (median(seconds) / medians.get(limit)!).toFixed(2)])),
  })));
}
