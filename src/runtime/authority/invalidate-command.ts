/** `invalidate-op-token --audience A` in a Pod (runbook 2.3): drops this program's token; it says for whom it spoke. */
import { hostname } from 'node:os';
import { ZastavaError } from '../../contract/errors.ts';
import type { Log } from '../telemetry/logs.ts';
import type { AdminCommands } from '../telemetry/admin-socket.ts';
import { invalidateOpTok } from '../telemetry/program.ts';
import type { TokenSource } from './token-source.ts';

const fetchMs = 30_000;

export function invalidateCommand(audience: readonly string[], tokens: TokenSource, log: Log): AdminCommands {
  return {
    [invalidateOpTok.name]: (asked) => {
      if (!audience.includes(asked)) throw new ZastavaError('usage', `this program has no OpTok for ${JSON.stringify(asked.slice(0, 80))}; its audience is ${audience.join(', ')}`);
      const dropped = tokens.drop();
      log.info({ scope: 'authority.token.issue', audience: asked, decision: 'invalidated', dropped }, 'OpTok invalidated');
      // At once: a Pod that is being admitted has no time to wait for it.
      void tokens.get(performance.now() + fetchMs).catch(() => {});
      const what = dropped ? `dropped the OpTok for ${asked}` : `there was no OpTok for ${asked}`;
      return `${what} in the pod ${hostname()}; another is being fetched. Other pods keep theirs: run this in each.`;
    },
  };
}
