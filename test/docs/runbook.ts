/** The runbook as its tests read it: sections, commands (fenced and inline), queries, and the words that name something of ours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const runbookPath = join(import.meta.dirname, '../../docs/ops/zastava-runtime-operations.md');

export interface Command {
  /** Of its first line in the document. */
  readonly line: number;
  /** With its continued lines and its here-document. */
  readonly text: string;
}

interface Fence {
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** What a word in backticks is a command of, when it comes first. */
const programs = /^(kubectl|helm|node tools\/|zastava(-webhook|-observer)? [a-z]|stellaops-cli|oras|skopeo|cosign|ctr|curl|jq|npm run|promtool|sed|openssl|export) ?/;

export function readRunbook(): string {
  return readFileSync(runbookPath, 'utf8');
}

export function listFences(markdown: string): Fence[] {
  return [...markdown.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(({ index, 1: indent = '', 2: language = '', 3: text = '' }) => ({
    line: markdown.slice(0, index).split('\n').length + 1, language, text: text.split('\n').map((line) => line.replace(indent, '')).join('\n'),
  }));
}

/** The commands of all sh blocks, in their order. */
export function listFencedCommands(markdown: string): Command[] {
  return listFences(markdown).filter(({ language }) => language === 'sh').flatMap(({ line, text }) => {
    const commands: Command[] = [];
    const lines = text.split('\n');
    for (let at = 0; at < lines.length; at += 1) {
      const first = at;
      const ending = /<<'?(\w+)'?/.exec(lines[at] ?? '')?.[1];
      if (ending !== undefined) while (lines[at] !== ending) at += 1;
      else while (lines[at]?.endsWith('\\') === true) at += 1;
      const command = lines.slice(first, at + 1).join('\n');
      if (command.trim() !== '') commands.push({ line: line + first, text: command });
    }
    return commands;
  });
}

/**
 * Those in backticks within a sentence. A paragraph that begins with **Why** speaks of what does not work, in words of the upstream
 * runbook: its commands are no instructions.
 */
export function listInlineCommands(markdown: string): Command[] {
  return listSpans(markdown).filter(({ text, why }) => !why && programs.test(text) && text.includes(' '));
}

/** Everything in single backticks outside of fences and generated tables. */
export function listSpans(markdown: string): (Command & { readonly why: boolean })[] {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, '');
  const prose = markdown.replaceAll(/^( *)```[\s\S]*?^ *```$/gm, blank).replaceAll(/<!-- (.+): begin -->[\s\S]*?<!-- \1: end -->/g, blank);
  return prose.split('\n').flatMap((text, index) => {
    const whyAt = text.indexOf('**Why**');
    return [...text.matchAll(/`([^`]+)`/g)].map((match) => ({ line: index + 1, text: match[1] ?? '', why: whyAt !== -1 && match.index > whyAt }));
  });
}

/** Words of a shell line, with quotes taken away; operators are words of their own. Enough for the commands of a runbook. */
function splitWords(command: string): string[] {
  return [...command.replaceAll('\\\n', ' ').matchAll(/\$\([^)]*\)|(?:[^\s'"|&;<>]|'[^']*'|"[^"]*")+|\|\||&&|[|;&<>]+/g)].map(([word]) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

/** The simple commands of a line: what stands between `|`, `&&`, `;`, in loops and in `$(…)`. */
export function listSimpleCommands(command: string): string[][] {
  const nested = [...command.matchAll(/\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)/g)].flatMap(([, inner = '']) => listSimpleCommands(inner));
  const parts: string[][] = [[]];
  for (const word of splitWords(command)) {
    if (/^([|;&]+|do|done|then|else)$/.test(word)) parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return [...nested, ...parts.filter((words) => words.length > 0 && words[0] !== 'for' && words[0] !== 'break')];
}
