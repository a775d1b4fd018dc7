#!/usr/bin/env node
/** The operator's command line. */
import { allowClosedOutput, runCommandLine } from '../terminal/command-line.ts';
import { buildProgram } from './program.ts';

allowClosedOutput();
await runCommandLine(buildProgram());
