/** `zastava kit diff`: what changes in the cluster between two kits. Like diff(1), it ends with 1 when something does. */
import type { Command } from 'commander';
import { diffKits, type ComparedKit } from '../../kit/diff/diff-kits.ts';
import { changeAreas, type Change } from '../../kit/diff/named.ts';
import { openKit } from '../../kit/open-kit.ts';
import { printJson, renderTable, say, styled, warn, type OutputOptions } from '../terminal/terminal.ts';

interface DiffVerbOptions extends OutputOptions {
  readonly ignoreSignatures?: boolean;
}

export function define(command: Command): void {
  command
    .argument('<a>', 'the earlier kit')
    .argument('<b>', 'the later kit')
    .option('--ignore-signatures', 'leave out who signed what and when: two builds of one commit then do not differ')
    .option('--json', 'print every change whole, as JSON')
    .option('--quiet', 'print nothing but errors and warnings; the exit code tells')
    .addHelpText('after', '\nExamples:\n  zastava kit diff accepted/zastava-runtime-1.0.0.tar.zst zastava-runtime-1.1.0.tar.zst --ignore-signatures\n  zastava kit diff a.tar.zst b.tar.zst --json')
    .action(diff);
}

async function diff(a: string, b: string, options: DiffVerbOptions): Promise<void> {
  const [before, after] = [await openKit(a), await openKit(b)];
  const difference = await diffKits(before.stream(), after.stream(), { ignoreSignatures: options.ignoreSignatures === true });
  say(options, `a  ${describe(difference.a)}`, `b  ${describe(difference.b)}`);
  for (const area of changeAreas) {
    const changes = difference.changes.filter((change) => change.area === area);
    if (changes.length > 0) say(options, '', styled('bold', area), ...renderTable(changes.map(rowOf)).map((line) => `  ${line}`));
  }
  say(options, '', difference.same ? styled('green', 'nothing differs') : `${difference.changes.length} ${difference.changes.length === 1 ? 'thing differs' : 'things differ'}`);
  warn('the kits were read against their own manifests; who made them was not checked: kit verify does that');
  printJson(options, difference);
  if (!difference.same) process.exitCode = 1;
}

function describe({ name, version, signedAt, signer, sha256 }: ComparedKit): string {
  return `${name} ${version}, signed ${signedAt} by ${signer.kind} key ${signer.keyId.slice(0, 19)}…, sha256:${sha256}`;
}

const signs = { added: '+', removed: '-', changed: '~' } as const;

function rowOf({ kind, what, field, before, after }: Change): string[] {
  const values = kind === 'changed' ? [short(before), '→', short(after)] : [];
  return [signs[kind], plain(what), plain(field), ...values];
}

/** Both ends of a long text: of an image's reference, the end is what differs. */
function short(text: string | null): string {
  if (text === null) return 'nothing';
  const line = plain(text);
  return line.length > 72 ? `${line.slice(0, 47)}…${line.slice(-24)}` : line;
}

/** A kit's texts go to a terminal: no control characters, one line. `--json` has them whole. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
