/** Commands and queries as the runbook prints them; only what is the reader's to fill in is filled in: words in capitals, and where files lie at this site. */
import { listFencedCommands, listFences, readRunbook } from '../../docs/runbook.ts';

const ofThisSite: readonly (readonly [RegExp, string])[] = [
  [/\bKIT\b/g, '$KIT'], [/\bREG\b/g, '$REG'], [/\bca\.pem\b/g, 'site-ca.crt'], [/\bsecrets\//g, 'keys/'], [/\bclient\.pem\b/g, 'keys/issued.pem'],
  [/(?<= )(zastava-runtime\.pub|trusted_root\.json)/g, 'trust/$1'],
  // What the stage walks with is signed by the development key.
  [/\bkit push\b/g, 'kit push --allow-development'],
];

/** The first query after these words. */
export function printedQuery(after: string): string {
  const [, rest] = readRunbook().split(after);
  const query = listFences(rest ?? '').find(({ language }) => language === 'promql')?.text.trim();
  if (query === undefined) throw new Error(`the runbook prints no query after ${after}`);
  return query;
}

/** The commands of the first block after these words. @param words in capitals → what stands for them */
export function printed(after: string, words: Readonly<Record<string, string>> = {}): string[] {
  const runbook = readRunbook();
  const at = runbook.indexOf(after);
  const [block] = /^ *```sh\n[\s\S]*?^ *```$/m.exec(runbook.slice(at)) ?? [];
  if (at === -1 || block === undefined) throw new Error(`the runbook prints nothing after ${after}`);
  const all = [...ofThisSite, ...Object.entries(words).map(([word, by]) => [new RegExp(`\\b${word}\\b`, 'g'), by] as const)];
  return listFencedCommands(block).map(({ text }) => all.reduce((command, [what, by]) => command.replace(what, by), text));
}
