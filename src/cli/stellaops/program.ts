/** The operator's command tree (contract section 11; runbook section 7). */
import { Command } from 'commander';
import { programVersion } from '../../contract/programs.ts';
import { addPolicyTest } from './policy-test.ts';

const example = '\nExamples:\n  stellaops-cli runtime policy test --image registry.internal/payments/api@sha256:0f3b… --namespace payments\n  stellaops-cli runtime policy test --help';

export function buildProgram(): Command {
  const program = new Command('stellaops-cli')
    .description('Asks Scanner, as an operator, what the runtime plane would be told.')
    .version(programVersion)
    .addHelpText('after', `${example}\n\nExit codes: 0 ok, 1 something would be denied, 2 bad input or usage, 3 environment (file, network, Authority, Scanner).\nEvery verb has --help with examples, --json and --quiet.`)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride();
  const runtime = program.command('runtime').description('The runtime plane: what runs, and what may start.').addHelpText('after', example);
  addPolicyTest(runtime.command('policy').description('The runtime policy of images.').addHelpText('after', example));
  return program;
}
