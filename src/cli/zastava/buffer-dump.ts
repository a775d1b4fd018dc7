/** `zastava buffer dump`: an observer's buffer as JSON lines, for people and their tools. */
import type { Command } from 'commander';
import { withBuffer, type ReadEvent } from '../../runtime/observer/buffer/read-buffer.ts';
import { warn, type OutputOptions } from '../terminal/terminal.ts';

export function define(command: Command): void {
  command
    .argument('<buffer>', 'the file events.db, or its folder')
    .option('--json', 'one JSON line for each gap and event; this is the default')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExamples:\n  zastava buffer dump /var/lib/zastava | jq -c .envelope.event.workload\n  zastava buffer dump /var/lib/zastava/events.db.damaged')
    .action(dump);
}

function dump(path: string, options: OutputOptions): void {
  let damaged = 0;
  const print = (line: object): void => {
    if (!options.quiet) process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  withBuffer(path, (buffer) => {
    for (const gap of buffer.gaps) print({ gap });
    for (const event of buffer.events()) {
      if (!event.sound) damaged += 1;
      print(lineOf(event));
    }
  });
  if (damaged === 0) return;
  warn(`${damaged} ${damaged === 1 ? 'row is' : 'rows are'} damaged; the lines say which`);
  process.exitCode = 1;
}

/** A sound body is JSON; of a damaged one nothing is sure but that it is text. */
function lineOf({ seq, underWay, sound, body }: ReadEvent): object {
  return sound ? { seq, underWay, envelope: JSON.parse(body) as unknown } : { seq, underWay, damaged: String(body) };
}
