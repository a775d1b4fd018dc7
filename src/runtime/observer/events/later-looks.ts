/**
 * Looks again at what runs, on a slow clock: programs that a container started later, code that it mapped later, and what the
 * policy says of its image by now. What begins and ends between two looks is not seen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../telemetry/logs.ts';
import type { FactsReader } from '../sources/facts-reader.ts';
import type { ContainerEvents } from './container-events.ts';
import type { Judgements } from './judgements.ts';
import type { RunningContainers } from './running.ts';

interface LaterLooksParts {
  readonly running: RunningContainers;
  readonly facts: Pick<FactsReader, 'process' | 'changed'>;
  readonly judgements: Pick<Judgements, 'refresh' | 'newest'>;
  readonly events: Pick<ContainerEvents, 'tellDrift' | 'tellJudgement'>;
  readonly log: Log;
  /** Milliseconds between two looks. Default: half a minute. */
  readonly everyMs?: number;
}

/** @returns ends it, when the look under way is over */
export function startLaterLooks(parts: LaterLooksParts): () => Promise<void> {
  const ending = new AbortController();
  const ended = run(parts, ending.signal);
  return () => {
    ending.abort();
    return ended;
  };
}

async function run({ everyMs = 30_000, ...parts }: LaterLooksParts, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await lookForDrift(parts, signal);
      await lookAtPolicy(parts, signal);
    } catch (error) {
      parts.log.error({ scope: 'looks', error }, 'a mistake of ours: a look was not made to its end');
    }
  }
}

async function lookForDrift({ running, facts, events }: LaterLooksParts, signal: AbortSignal): Promise<void> {
  for (const { containerId, pid } of await facts.changed(running.all().map(({ fact }) => fact.containerId))) {
    const rootfs = running.get(containerId)?.fact.rootfs;
    if (signal.aborted) return;
    const seen = await facts.process(pid, { ...(rootfs && { rootfs }), follow: false, programWaitMsMax: 0 });
    const container = running.get(containerId);
    if (container && !('idKind' in seen)) await events.tellDrift(container, { process: seen.facts, evidence: seen.evidence, drift: seen.drift }, new Date());
  }
}

async function lookAtPolicy({ running, judgements, events }: LaterLooksParts, signal: AbortSignal): Promise<void> {
  await judgements.refresh(running.all().map(({ fact }) => fact.workload));
  for (const { fact } of running.all()) {
    const container = running.get(fact.containerId);
    if (signal.aborted) return;
    if (container) await events.tellJudgement(container, judgements.newest(fact.workload), new Date());
  }
}
