#!/usr/bin/env node
/** zastava-observer: watches the containers of its node. */
import { join } from 'node:path';
import { adminSocketName } from '../../contract/programs.ts';
import { invalidateCommand } from '../authority/invalidate-command.ts';
import { openAuthority } from '../authority/open-authority.ts';
import { serveAdminSocket } from '../telemetry/admin-socket.ts';
import { invalidateOpTok, runProgram } from '../telemetry/program.ts';

await runProgram({
  component: 'observer',
  summary: 'Watches the containers of its node. This version has no sources yet: it observes nothing, and says so in its log.',
  commands: [invalidateOpTok],
  start: async ({ values, settings, log, metrics }) => {
    const { runtime } = values.zastava;
    const authority = await openAuthority({ runtime, mounts: settings.authorityDir, log, metrics });
    await serveAdminSocket(join(settings.scratchDir, adminSocketName), invalidateCommand(runtime.authority.audience, authority.tokens, log));
    log.warn({ scope: 'sources' }, 'no sources in this version: nothing is observed');
    return [];
  },
});
