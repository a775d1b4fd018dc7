/**
 * The containers of this node as containerd tells of them. The stream of events is proven live before the first look at what
 * runs, so that nothing falls between the two; the look is repeated after each reconnect and on a slow clock, and what only it
 * shows is told with evidence `reconcile`. containerd keeps no events for those who were away: that time is handed to `onBlind`.
 *
 *   connecting ── probe came back, first look done ──▶ live ── stream ended, probe or look failed ──▶ connecting …
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { metrics as catalogue } from '../../../contract/metrics.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { ContainerdFacts, type FactsOptions } from './containerd-facts.ts';
import { checkHostPid, explainLoss } from './containerd-health.ts';
import { ContainerdSession, type SessionOptions } from './containerd-session.ts';

export interface ContainerdOptions extends FactsOptions, Pick<SessionOptions, 'socket' | 'root' | 'namespace'> {
  /** The node's /proc as the observer sees it: `zastava.observer.procRoot`. */
  readonly procRoot: string;
  readonly metrics: Metrics;
  /** Called once the stream is back: containers that both started and ended in between were never seen. */
  readonly onBlind: (interval: { readonly from: Date; readonly to: Date }) => void | Promise<void>;
  /** When an earlier life of the program last saw the node. */
  readonly blindSince?: Date;
  /** Milliseconds between two looks; default one minute. */
  readonly lookMs?: number;
  /** Milliseconds for one call; default 10 s. */
  readonly callMsMax?: number;
}

export interface ContainerdSource {
  /** Null while the stream is live and pids are the node's; else why not, and what to do. */
  health(): string | null;
  /** containerd's version, once it was asked. */
  version(): string | undefined;
  /** Up to when everything that containerd told was handed to `onFact`; null while the stream is not live. */
  toldUntil(): Date | null;
  close(): Promise<void>;
}

const retryMs = { first: 100, max: 5000 } as const;

/** Connects, and stays connected until it is closed. */
export function openContainerdSource(options: ContainerdOptions): ContainerdSource {
  const source = new Source(options);
  const closing = new AbortController();
  const running = source.run(closing.signal);
  return {
    health: () => source.reason,
    version: () => source.version,
    toldUntil: () => source.toldUntil(),
    close: () => {
      closing.abort();
      return running;
    },
  };
}

class Source {
  reason: string | null = 'containerd was not reached yet';
  version: string | undefined;
  readonly #options: ContainerdOptions;
  readonly #facts: ContainerdFacts;
  readonly #digests: SessionOptions['digests'] = new Map();
  #blindSince: Date | undefined;
  #live = false;
  #session: ContainerdSession | undefined;
  #seenBefore = false;
  #retryMs: number = retryMs.first;

  constructor(options: ContainerdOptions) {
    this.#options = options;
    this.#facts = new ContainerdFacts(options);
    this.#blindSince = options.blindSince;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { socket, metrics } = this.#options;
    metrics.set(catalogue.streamUp, { stream: 'containerd' }, 0);
    for (const correction of ['missedStart', 'missedStop'] as const) metrics.count(catalogue.corrections, { correction }, 0);
    while (!signal.aborted) {
      const session = this.#openSession();
      const began = new Date();
      try {
        await this.#hold(session, signal);
      } catch (error) {
        if (signal.aborted) return;
        const since = session.unhandledSince ?? (this.#live ? session.heardUntil : began) ?? began;
        this.#lost(since, await explainLoss(socket, error));
      }
      await sleep(this.#retryMs, undefined, { signal }).catch(() => undefined);
      this.#retryMs = Math.min(2 * this.#retryMs, retryMs.max);
    }
  }

  #openSession(): ContainerdSession {
    const { socket, root, namespace, callMsMax = 10_000 } = this.#options;
    return new ContainerdSession({ socket, root, namespace, callMsMax, facts: this.#facts, digests: this.#digests });
  }

  toldUntil(): Date | null {
    return this.#live ? (this.#session?.unhandledSince ?? new Date()) : null;
  }

  async #hold(session: ContainerdSession, signal: AbortSignal): Promise<void> {
    this.#session = session;
    const close = (): void => session.close();
    signal.addEventListener('abort', close);
    const both = [session.readEvents(), this.#look(session)];
    try {
      await Promise.race(both);
    } finally {
      signal.removeEventListener('abort', close);
      close();
      // What is being told comes to its end before the next session begins.
      await Promise.allSettled(both);
    }
  }

  /** Goes on for ever, or throws. */
  async #look(session: ContainerdSession): Promise<never> {
    const { lookMs = 60_000, procRoot } = this.#options;
    const { version } = await session.client.call('containerd.services.version.v1.Version/Version', {});
    this.version = version.replace(/^v/, '');
    for (;;) {
      const missed = await session.look();
      if (this.#seenBefore || this.#options.known) {
        for (const correction of ['missedStart', 'missedStop'] as const) this.#options.metrics.count(catalogue.corrections, { correction }, missed[correction]);
      }
      this.#seenBefore = true;
      await this.#regained(await checkHostPid(session.client, procRoot), missed);
      await sleep(lookMs, undefined, { signal: session.signal });
    }
  }

  #lost(since: Date, reason: string): void {
    const { log, metrics } = this.#options;
    if (this.#live || this.reason !== reason) log.warn({ scope: 'containerd', reason }, 'stream of container events lost');
    this.#blindSince ??= since;
    this.#live = false;
    this.reason = reason;
    metrics.set(catalogue.streamUp, { stream: 'containerd' }, 0);
  }

  async #regained(wrongPids: string | null, missed: object): Promise<void> {
    const { log, metrics, onBlind } = this.#options;
    if (wrongPids !== null && wrongPids !== this.reason) log.error({ scope: 'containerd', reason: wrongPids }, 'processes of containers cannot be found');
    this.reason = wrongPids;
    if (this.#live) return;
    const from = this.#blindSince;
    if (from) await onBlind({ from, to: new Date() });
    this.#blindSince = undefined;
    this.#live = true;
    this.#retryMs = retryMs.first;
    metrics.set(catalogue.streamUp, { stream: 'containerd' }, 1);
    log.info({ scope: 'containerd', version: this.version, ...missed }, 'stream of container events live');
  }
}
