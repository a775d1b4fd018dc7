/**
 * What every verb shows: results on standard output, progress and errors on standard error; bars and colours only
 * where a person watches; with `--json` one JSON document on standard output, errors too (contract section 11).
 */
import { SingleBar } from 'cli-progress';
import { ZastavaError, type Problem } from '../../contract/errors.ts';

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

type Style = 'bold' | 'red' | 'green' | 'yellow' | 'dim';
const styles: Record<Style, number> = { bold: 1, red: 31, green: 32, yellow: 33, dim: 2 };

export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY && !process.env['NO_COLOR'] ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
}

/** Prints lines for people; nothing with `--quiet` or `--json`. */
export function say(options: OutputOptions, ...lines: readonly string[]): void {
  if (!options.quiet && !options.json) for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Prints a warning that must be seen, on standard error; not even `--quiet` hides it. */
export function warn(message: string): void {
  process.stderr.write(`${styled('yellow', 'warning', process.stderr)}: ${message}\n`);
}

/** Prints the one result document of a verb when a program asked for it. */
export function printJson(options: OutputOptions, result: unknown): void {
  if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}

/** Columns padded to their widest cell, two spaces between, no trailing blanks. */
export function renderTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
}

export interface Progress {
  /** `done` and `total` in bytes. */
  update(done: number, total: number): void;
  stop(): void;
}

/** A bar on standard error while a person watches it; else nothing. */
export function startProgress(options: OutputOptions, task: string): Progress {
  if (!process.stderr.isTTY || options.quiet || options.json) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format: `${task.padEnd(18)} [{bar}] {percentage}%  {size}`,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, done, { size: formatBytes(total) });
      started = true;
      bar.setTotal(total);
      bar.update(done, { size: formatBytes(total) });
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

export function renderProblem(problem: Problem): string {
  const todo = problem.todo === undefined ? '' : `; ${problem.todo}`;
  return `  ${problem.where}: expected ${problem.expected}, found ${problem.found}${todo}`;
}

/** Prints an error and gives the exit code that it leads to. What is no ZastavaError is a mistake of ours. */
export function printError(error: unknown, options: OutputOptions): number {
  const known = error instanceof ZastavaError ? error : new ZastavaError(environmental(error) ? 'environment' : 'internal', messageOf(error), { cause: error });
  printJson(options, { ok: false, error: { code: known.code, message: known.message, problems: known.problems } });
  process.stderr.write(`${styled('red', `error[${known.code}]`, process.stderr)}: ${known.message}\n`);
  for (const problem of known.problems) process.stderr.write(`${renderProblem(problem)}\n`);
  if (known.code === 'internal' && error instanceof Error) process.stderr.write(`${styled('dim', error.stack ?? '', process.stderr)}\n`);
  return known.exitCode;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** File system and process errors carry an errno code such as ENOENT. */
function environmental(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'errno' in error;
}
