/**
 * The verifier with one check taken out: mutants are found in the sources themselves, so that a check which is added is
 * one more mutant. A mutant is the source with a condition in front of a refusal that no longer holds, with a rule for
 * a field that always holds, or one of the replacements written out here.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { redundant, replacements } from './mutant-replacements.ts';
import type { Verify } from './tamper-cases.ts';

export interface Mutant {
  /** File, line and what is gone. */
  readonly name: string;
  readonly file: string;
  readonly source: string;
}

const root = join(import.meta.dirname, '../../..');

/** What ends a condition that is a check: it throws, gathers a problem, or says so. */
const refuses = /^(throw|yield \{|yield\* |return this\.invalid\(|this\.invalid\(|this\.#report\(|walk\.invalid\(|tally\.report\(|problems\.push\(|reportMissing\()/;

/** Without this condition a reader would wait for ever for bytes: what stands for it is among the replacements. */
const endsALoop: readonly string[] = ['await this.atEnd()'];

export function listMutants(files: readonly string[]): Mutant[] {
  return files.flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8');
    return [...conditionMutants(file, source), ...ruleMutants(file, source), ...writtenMutants(file, source)];
  });
}

/** Conditions of the table that are in no source any more. */
export function staleRedundant(): string[] {
  return Object.entries(redundant).flatMap(([file, conditions]) => {
    const source = readFileSync(join(root, file), 'utf8');
    return Object.keys(conditions).filter((condition) => !source.includes(condition)).map((condition) => `${file}: ${condition}`);
  });
}

/** All sources below these folders. */
export function sourcesUnder(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`)).sort();
}

function* conditionMutants(file: string, source: string): Generator<Mutant> {
  for (const { index } of source.matchAll(/\bif \(/g)) {
    const from = index + 'if ('.length;
    const to = closingParenthesis(source, from);
    const body = source.slice(to + 1).replace(/^\s*\{?\s*/, '');
    if (!refuses.test(body)) continue;
    for (const part of disjuncts(source.slice(from, to))) {
      if (endsALoop.includes(part.text) || redundant[file]?.[part.text] !== undefined) continue;
      const at = from + part.from;
      const changed = `${source.slice(0, at)}false && (${part.text})${source.slice(at + part.text.length)}`;
      yield { name: `${file}:${lineOf(source, at)} without: ${part.text}`, file, source: changed };
    }
  }
}

/** The parts of `a || b`, at the top level alone. */
function disjuncts(condition: string): { from: number; text: string }[] {
  const parts: { from: number; text: string }[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < condition.length; at++) {
    if ('([{'.includes(condition[at]!)) depth++;
    if (')]}'.includes(condition[at]!)) depth--;
    if (depth > 0 || condition.slice(at, at + 4) !== ' || ') continue;
    parts.push({ from, text: condition.slice(from, at) });
    from = at + 4;
  }
  return [...parts, { from, text: condition.slice(from) }];
}

function closingParenthesis(source: string, from: number): number {
  let depth = 1;
  for (let at = from; ; at++) {
    if (source[at] === '(') depth++;
    if (source[at] === ')' && --depth === 0) return at;
  }
}

/** `field: text(…)` and the like, in the shapes of what is read. */
function* ruleMutants(file: string, source: string): Generator<Mutant> {
  for (const match of source.matchAll(/\b(\w+): (?:(?:text|oneOf|wholeNumber)\(.*?\)(?=,? ?[}\n])|\{ expected: .*holds: .* \})/g)) {
    if (match[1] === 'found' || match[0].includes('Rule =>') || match[0].includes('=> ({')) continue;
    const changed = `${source.slice(0, match.index)}${match[1]}: { expected: '', holds: () => true }${source.slice(match.index + match[0].length)}`;
    yield { name: `${file}:${lineOf(source, match.index)} without the rule for ${match[1]}`, file, source: changed };
  }
}

function* writtenMutants(file: string, source: string): Generator<Mutant> {
  for (const [snippet, replacement] of replacements[file] ?? []) {
    const at = source.indexOf(snippet);
    if (at === -1 || source.includes(snippet, at + 1)) throw new Error(`${file} does not have this once, and the table of mutants does: ${snippet}`);
    yield { name: `${file}:${lineOf(source, at)} with: ${replacement}`, file, source: source.slice(0, at) + replacement + source.slice(at + snippet.length) };
  }
}

function lineOf(source: string, at: number): number {
  return source.slice(0, at).split('\n').length;
}

/** Limits so low that small cases are beyond them; all that the tiny kit needs is below. */
const lowered: Readonly<Record<string, number>> = { framesMax: 64, entriesMax: 60, entryBytesMax: 2 ** 31, totalBytesMax: 16 * 2 ** 20, manifestBytesMax: 60_000, documentBytesMax: 20_000, documentsBytesMax: 100_000 };

function lowerLimits(source: string): string {
  return Object.entries(lowered).reduce((text, [limit, value]) => text.replace(new RegExp(`\\b${limit}: .*,`), `${limit}: ${value},`), source);
}

/** Builds verifiers from changed sources and loads them. */
export class MutantWorkshop {
  readonly #folder: Promise<string>;
  #count = 0;

  constructor() {
    this.#folder = mkdtemp(join(tmpdir(), 'mutants-')).then(async (folder) => {
      await symlink(realpathSync(join(root, 'node_modules')), join(folder, 'node_modules'));
      return folder;
    });
  }

  /** The verifier with low limits, and one source replaced. */
  async load(mutant?: Mutant): Promise<Verify> {
    const outfile = join(await this.#folder, `${this.#count++}.mjs`);
    const plugin: Plugin = {
      name: 'mutant',
      setup(context) {
        context.onLoad({ filter: /src\/.*\.ts$/ }, ({ path }) => {
          const source = mutant && path === join(root, mutant.file) ? mutant.source : readFileSync(path, 'utf8');
          return { contents: path.endsWith('/contract/kit-format.ts') ? lowerLimits(source) : source, loader: 'ts' };
        });
      },
    };
    await build({ entryPoints: [join(root, 'src/kit/verify/verify-kit.ts')], outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node24', logLevel: 'silent', plugins: [plugin] });
    return ((await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as { verifyKit: Verify }).verifyKit;
  }

  async close(): Promise<void> {
    await rm(await this.#folder, { recursive: true });
  }
}
