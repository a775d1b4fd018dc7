/**
 * The observer's parts and how they hang together:
 *
 *   containerd ──facts──▶ container events ──events──▶ buffer (worker) ──batches──▶ dispatcher ──▶ Scanner
 *                           │    ▲ posture: Scanner's policy
 *                           ▼    │
 *                  process facts (worker)        later looks: drift, policy
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminSocketName } from '../../contract/programs.ts';
import { invalidateCommand } from '../authority/invalidate-command.ts';
import { openAuthority } from '../authority/open-authority.ts';
import { openScanner } from '../scanner/open-scanner.ts';
import { serveAdminSocket } from '../telemetry/admin-socket.ts';
import type { ProgramContext, Started } from '../telemetry/program.ts';
import { openBuffer, type EventBuffer } from './buffer/event-buffer.ts';
import { createDispatcher } from './dispatch/dispatcher.ts';
import { ContainerEvents } from './events/container-events.ts';
import { Judgements } from './events/judgements.ts';
import { startLaterLooks } from './events/later-looks.ts';
import { RunningContainers } from './events/running.ts';
import { watchReadiness } from './readiness.ts';
import { openContainerdSource } from './sources/containerd.ts';
import { FactsReader } from './sources/facts-reader.ts';

/** Fact of the buffer: up to then everything that happened is in it. What is on its way from containerd happened a little earlier. */
const aliveFact = 'aliveAt';
const aliveMs = { every: 10_000, first: 500, onTheWay: 5000 } as const;

/** @param program The file that takes the roles of the workers. */
export async function startObserver({ values, settings, log, metrics, unready }: ProgramContext, program: URL): Promise<Started> {
  const { runtime, observer } = values.zastava;
  const authority = await openAuthority({ runtime, mounts: settings.authorityDir, log, metrics });
  const scanner = openScanner({ backend: runtime.backend, authority, metrics, component: 'observer' });
  await serveAdminSocket(join(settings.scratchDir, adminSocketName), invalidateCommand(runtime.authority.audience, authority.tokens, log));

  const buffer = await openBuffer({ folder: settings.bufferDir, bytesMax: observer.limits.bufferBytesMax, log, metrics, program });
  const facts = new FactsReader({
    program, procRoot: observer.procRoot, libraries: observer.libraries,
    onFailure: (error) => log.error({ scope: 'facts', error }, 'the worker that reads processes was lost; another takes its place'),
  });
  const running = await RunningContainers.load({ buffer, log });
  const judgements = new Judgements({ ask: scanner.ask, log });
  const bootId = (await readFile(join(observer.procRoot, 'sys/kernel/random/boot_id'), 'utf8').catch(() => '')).trim();
  const events = new ContainerEvents({ origin: () => ({ tenant: runtime.tenant, node: settings.nodeName, version: source.version() ?? '' }), bootId, facts, judgements, running, buffer, metrics, log });

  const blindSince = await buffer.fact(aliveFact);
  const source = openContainerdSource({
    ...observer.containerd, procRoot: observer.procRoot, log, metrics,
    onFact: (fact) => events.take(fact),
    onBlind: (interval) => declareBlind(buffer, interval),
    known: running.all().map(({ fact }) => fact),
    ...(blindSince !== null && { blindSince: new Date(blindSince) }),
  });
  const dispatcher = createDispatcher({ buffer, send: scanner.send, backend: runtime.backend, limits: { ...observer, ...observer.limits }, tenant: runtime.tenant, metrics, log });
  const endLooks = startLaterLooks({ running, facts, judgements, events, log });
  const endReadiness = await watchReadiness({ source, buffer, dispatcher, tokens: authority.tokens, unready, log });
  const keepAlive = async (until: Date | null): Promise<void> => {
    if (until) await buffer.keepFact(aliveFact, new Date(Math.min(until.getTime(), events.untoldSince()?.getTime() ?? Infinity) - aliveMs.onTheWay).toISOString());
  };
  const ending = new AbortController();
  const keepingAlive = (async () => {
    while (!ending.signal.aborted) {
      const until = source.toldUntil();
      await keepAlive(until);
      await sleep(until ? aliveMs.every : aliveMs.first, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();

  return {
    close: async () => {
      ending.abort();
      endReadiness();
      const until = source.toldUntil();
      await Promise.all([source.close(), endLooks()]);
      await Promise.all([events.idle(), keepingAlive]);
      await Promise.all([running.save(), keepAlive(until), dispatcher.stop()]);
      await buffer.close();
      await Promise.all([facts.close(), scanner.close(), authority.close()]);
    },
  };
}

/** Containers that both started and ended in that time were never seen: nobody can count them. */
function declareBlind(buffer: EventBuffer, { from, to }: { readonly from: Date; readonly to: Date }): Promise<void> {
  return buffer.declare({ reason: 'streamLost', count: 0, bytes: 0, from: from.toISOString(), to: to.toISOString(), firstSeq: 0, lastSeq: 0 });
}
