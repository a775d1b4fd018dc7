/** `zastava-observer preflight`: looks around from a short-lived Pod that has the observer's image, rights and Secrets, and prints one line. */
import type { Action } from '../../telemetry/program.ts';
import { preflightCommand, type PreflightLine } from '../../../contract/preflight.ts';
import { checkBackends } from './backend-checks.ts';
import { checkNode } from './node-checks.ts';

export const preflight: Action = {
  name: preflightCommand,
  summary: 'looks at this node, Authority and Scanner as the observer would, prints what it finds as one JSON line, and ends; "zastava preflight" runs it on each node',
  run: async ({ values, settings }) => {
    const { observer, runtime } = values.zastava;
    const line: PreflightLine = { preflight: [...(await checkNode(observer)), ...(await checkBackends(runtime, settings.authorityDir))] };
    console.log(JSON.stringify(line));
  },
};
