/**
 * The texts of proc(5) that name a process. All but the kernel's own numbers in them can be chosen by the process itself,
 * so nothing here throws, and what goes on is bounded.
 */

export const textLimits = {
  /** Bytes read of a command line. */
  commandLineBytesMax: 64 * 1024,
  argumentsMax: 64,
  /** Characters of one argument, and of all of them: an event must fit a batch with others. */
  argumentCharsMax: 1024,
  argumentsCharsMax: 8192,
  /** PATH_MAX of Linux. */
  pathCharsMax: 4096,
  /** Characters of the paths of all libraries: an event must fit a batch with others. */
  libraryPathsCharsMax: 128 * 1024,
  /** Bytes of the first line of a script that the kernel looks at (BINPRM_BUF_SIZE). */
  scriptLineBytesMax: 256,
} as const;

export interface ProcessStat {
  readonly pid: number;
  /** At most 15 bytes, and of the process's own choice. */
  readonly name: string;
  /** One letter, such as R, S, Z. */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
}

/** `/proc/<pid>/stat`; null when it is something else. The name may hold brackets and spaces: the last bracket ends it. */
export function parseStat(text: string): ProcessStat | null {
  const [open, close] = [text.indexOf('('), text.lastIndexOf(')')];
  if (open < 0 || close < open) return null;
  const rest = text.slice(close + 1).trim().split(' ');
  const [pid, parent, startTime] = [text.slice(0, open).trim(), rest[1], rest[19]].map(wholeNumber);
  const state = rest[0] ?? '';
  if (pid === undefined || parent === undefined || startTime === undefined || !/^[A-Za-z]$/.test(state)) return null;
  return { pid, name: text.slice(open + 1, close), state, parent, startTime };
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `/proc/<pid>/cmdline`: arguments that end in a zero byte; what a process wrote over them may have none. */
export function parseArguments(bytes: Uint8Array): string[] {
  if (bytes.length === 0) return [];
  const texts = Buffer.from(bytes).toString('utf8').split('\0', textLimits.argumentsMax + 1);
  // After the last zero byte nothing follows, and no argument either.
  if (bytes.at(-1) === 0 && texts.length <= textLimits.argumentsMax) texts.pop();
  return texts.slice(0, textLimits.argumentsMax);
}

/** What of a list of arguments goes into an event: what is cut ends in `…`. */
export function boundArguments(args: readonly string[]): string[] {
  const bounded: string[] = [];
  let left: number = textLimits.argumentsCharsMax;
  for (const arg of args.slice(0, textLimits.argumentsMax)) {
    if (left <= 0) break;
    const text = boundText(arg, Math.min(left, textLimits.argumentCharsMax));
    left -= text.length;
    bounded.push(text);
  }
  return bounded;
}

export function boundText(text: string, charsMax: number): string {
  return (text.length <= charsMax ? text : `${text.slice(0, Math.max(0, charsMax - 1))}…`).toWellFormed();
}

export interface ScriptLine {
  readonly interpreter: string;
  /** The rest of the line: the kernel makes one argument of it. */
  readonly argument?: string;
}

/** The first line of a script, as execve(2) reads it; null when the bytes are no script. */
export function parseScriptLine(bytes: Uint8Array): ScriptLine | null {
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return null;
  const line = Buffer.from(bytes.subarray(2, textLimits.scriptLineBytesMax)).toString('utf8').split(/[\n\0]/, 1)[0] ?? '';
  const [, interpreter, argument] = /^[ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  return interpreter ? { interpreter, ...(argument ? { argument } : {}) } : null;
}

/** The program that a script line leads to, also through env(1): a path, or a name for PATH. */
export function programOf({ interpreter, argument }: ScriptLine): string {
  if (!/(^|\/)env$/.test(interpreter)) return interpreter;
  return argument?.split(/[ \t]+/).find((word) => !word.startsWith('-') && !word.includes('=')) ?? interpreter;
}
