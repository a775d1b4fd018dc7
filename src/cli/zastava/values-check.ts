/** `zastava values check`: every problem of a values file at once; nothing is written. */
import type { Command } from 'commander';
import { parseValues } from '../../config/parse-values.ts';
import { checkoutPaths } from './checkout.ts';
import { readInput } from '../terminal/inputs.ts';
import { printJson, say, type OutputOptions } from '../terminal/terminal.ts';

export function define(command: Command): void {
  command
    .argument('[file]', 'the values file', checkoutPaths.values)
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', '\nExample:\n  zastava values check values/zastava-runtime.yaml')
    .action(async (file: string, options: OutputOptions) => {
      parseValues(await readInput(file, 'values file'), file);
      say(options, `${file}: no problems`);
      printJson(options, { ok: true });
    });
}
