/** `zastava buffer check`: whether an observer's buffer is sound, and what waits in it. Ends with 1 when rows or commits are damaged. */
import type { Command } from 'commander';
import { withBuffer } from '../../runtime/observer/buffer/read-buffer.ts';
import { say, printJson, renderTable, styled, type OutputOptions } from '../terminal/terminal.ts';

export function define(command: Command): void {
  command
    .argument('<buffer>', 'the file events.db, or its folder')
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'print nothing but errors; the exit code tells')
    .addHelpText('after', '\nExamples:\n  zastava buffer check /var/lib/zastava\n  zastava buffer check /var/lib/zastava/events.db.damaged --json')
    .action(check);
}

function check(path: string, options: OutputOptions): void {
  const result = withBuffer(path, (buffer) => {
    const { formatVersion, batchId, gaps, facts, logDamaged } = buffer;
    const [counts, times]: [{ events: number; underWay: number; damaged: number }, string[]] = [{ events: 0, underWay: 0, damaged: 0 }, []];
    for (const { sound, underWay, when } of buffer.events()) {
      counts.events += 1;
      if (underWay) counts.underWay += 1;
      if (!sound) counts.damaged += 1;
      else if (times.length < 2) times.push(when);
      else times[1] = when;
    }
    return { ok: counts.damaged === 0 && !logDamaged, formatVersion, ...counts, oldest: times[0] ?? null, newest: times.at(-1) ?? null, batchId, logDamaged, gaps, facts };
  });
  say(options, ...renderTable([
    ['format', String(result.formatVersion)],
    ['events', `${result.events}${result.oldest === null ? '' : `, from ${result.oldest} to ${result.newest}`}`],
    ['under way', `${result.underWay}${result.batchId === null ? '' : ` in batch ${result.batchId}`}`],
    ['damaged rows', String(result.damaged)],
    ['log', result.logDamaged ? 'damaged: commits are missing' : 'whole'],
    ...result.gaps.map(({ reason, count, from, to }) => ['gap', `${reason}: ${count === 0 ? 'unknown number of' : count} events, from ${from} to ${to}`]),
    ...Object.entries(result.facts).map(([name, value]) => ['fact', `${name}: ${value}`]),
  ]));
  say(options, '', result.ok ? styled('green', 'sound') : styled('red', 'damaged: the observer lets the damaged rows go and tells Scanner'));
  printJson(options, result);
  if (!result.ok) process.exitCode = 1;
}
