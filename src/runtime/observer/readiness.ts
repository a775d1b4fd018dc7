/**
 * Whether this observer does its work: it hears containerd, has a token, and what it tells arrives. Nothing is sent to an
 * observer, so that being unready takes it out of nothing: it is how a node says in `kubectl get pods` what a person must do.
 */
import type { TokenSource } from '../authority/token-source.ts';
import type { Log } from '../telemetry/logs.ts';
import type { EventBuffer } from './buffer/event-buffer.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { ContainerdSource } from './sources/containerd.ts';

interface ReadinessParts {
  readonly source: Pick<ContainerdSource, 'health'>;
  readonly buffer: Pick<EventBuffer, 'state'>;
  readonly dispatcher: Pick<Dispatcher, 'problem'>;
  readonly tokens: Pick<TokenSource, 'get'>;
  readonly unready: Set<string>;
  readonly log: Log;
}

const everyMs = 1000;

/** @returns ends it */
export async function watchReadiness({ source, buffer, dispatcher, tokens, unready, log }: ReadinessParts): Promise<() => void> {
  let told: readonly string[] = [];
  const look = async (): Promise<void> => {
    const found: [string, string | null][] = [
      ['containerd', source.health()], ['buffer', buffer.state().problem], ['authority', await tokenProblem(tokens)], ['scanner', dispatcher.problem()],
    ];
    const reasons = found.flatMap(([part, problem]) => (problem === null ? [] : [`${part}: ${problem}`]));
    for (const reason of told) unready.delete(reason);
    for (const reason of reasons) unready.add(reason);
    if (reasons.join('\n') !== told.join('\n')) log[reasons.length === 0 ? 'info' : 'warn']({ scope: 'readiness', reasons }, reasons.length === 0 ? 'ready' : 'not ready');
    told = reasons;
  };
  await look();
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, everyMs);
  return () => clearInterval(timer);
}

/** What it says when it has none now; a token that is on its way is waited for as long as a look takes. */
async function tokenProblem(tokens: Pick<TokenSource, 'get'>): Promise<string | null> {
  try {
    await tokens.get(performance.now() + everyMs / 2);
    return null;
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0] ?? '';
  }
}
