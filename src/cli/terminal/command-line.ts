/** Runs a command tree as a process: what is printed, and the exit code (0 ok, 1 a check failed, 2 bad input or usage, 3 environment). */
import { CommanderError, type Command } from 'commander';
import { printError } from './terminal.ts';

/**
 * Sets the exit code of the process unless all went well; a verb whose check failed has set its own.
 * @param args default: those of the process
 */
export async function runCommandLine(program: Command, args?: readonly string[]): Promise<void> {
  try {
    await (args ? program.parseAsync(args, { from: 'user' }) : program.parseAsync());
  } catch (error) {
    // Commander has printed its own message; help and version end with 0.
    if (!(error instanceof CommanderError)) process.exitCode = printError(error, { json: (args ?? process.argv).includes('--json') });
    else if (error.exitCode !== 0) process.exitCode = 2;
  }
}

/** Whoever reads our output may stop early, as `head` does. */
export function allowClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
