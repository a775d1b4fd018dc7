#!/usr/bin/env node
/** zastava-observer: watches the containers of its node. */
import { runProgram } from '../telemetry/program.ts';

await runProgram({
  component: 'observer',
  summary: 'Watches the containers of its node. This version has no sources yet: it observes nothing, and says so in its log.',
  start: async ({ log }) => {
    log.warn({ scope: 'sources' }, 'no sources in this version: nothing is observed');
    return [];
  },
});
