#!/usr/bin/env node
/** The build plane's command line. Exit codes: 0 ok, 1 a check failed, 2 bad input or usage, 3 environment. */
import { CommanderError } from 'commander';
import { buildProgram } from './program.ts';
import { printError } from './terminal.ts';

// Whoever reads our output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

async function main(): Promise<number> {
  try {
    await buildProgram().parseAsync();
    return 0;
  } catch (error) {
    // Commander has printed its own message; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return printError(error, { json: process.argv.includes('--json') });
  }
}

const exitCode = await main();
if (exitCode !== 0) process.exitCode = exitCode;
