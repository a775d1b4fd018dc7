/**
 * One connection to containerd: the stream of events, handled in order, and the looks at what runs. It ends with an error when
 * the stream ends, a probe does not come back, or a look fails; the next one begins from what was told so far.
 */
import { Transform } from 'node:stream';
import { ContainerdClient, isNotFound } from './containerd-client.ts';
import type { ContainerdFacts } from './containerd-facts.ts';
import { ContainerdImages, type ImageDigests } from './containerd-images.ts';
import { ContainerdProbe, probeTopic } from './containerd-probe.ts';
import { dateOf, type Envelope, isLiving, parseTaskEvent, type Task } from './containerd-protocol.ts';
import { ContainerdRecords } from './containerd-records.ts';

export interface SessionOptions {
  readonly socket: string;
  /** containerd's own folder, as the observer sees it. */
  readonly root: string;
  readonly namespace: string;
  /** Milliseconds for one call, and for a probe to come back. */
  readonly callMsMax: number;
  readonly facts: ContainerdFacts;
  /** Digests of images that were followed already, kept over sessions. */
  readonly digests: Map<string, ImageDigests>;
}

/** Events that wait here for their turn; the ones behind them wait in containerd, which keeps them without a limit. */
const waitingMax = 1024;

export class ContainerdSession {
  readonly client: ContainerdClient;
  readonly #options: SessionOptions;
  readonly #records: ContainerdRecords;
  readonly #probe: ContainerdProbe;
  /** When the first event happened that came and was not handled to its end. */
  unhandledSince: Date | undefined;
  /** When the last event happened that came: nothing from before it can be missing any more. */
  heardUntil: Date | undefined;
  /** One event or one look at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #closed = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.client = new ContainerdClient(options.socket, options.namespace, options.callMsMax);
    this.#records = new ContainerdRecords(this.client, new ContainerdImages(this.client, options.root, options.digests));
    this.#probe = new ContainerdProbe(this.client, options.callMsMax);
  }

  /** Aborted when the session is closed. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /** Ends by an error only. What came before the stream ended is handled first. */
  async readEvents(): Promise<void> {
    const namespace = `namespace==${JSON.stringify(this.#options.namespace)}`;
    const stream = this.client.subscribe([`${namespace},topic~="^/tasks/(create|start|exit|delete)$"`, `${namespace},topic~="^/containers/(create|delete)$"`, `topic==${JSON.stringify(probeTopic)}`]);
    const waiting = new Transform({
      objectMode: true,
      highWaterMark: waitingMax,
      transform: (envelope: Envelope, _, done) => {
        this.#hear(envelope);
        done(null, envelope);
      },
    });
    let failure = new Error('the stream of events ended');
    stream.on('error', (error) => {
      failure = error;
      waiting.end();
    });
    this.#closed.signal.addEventListener('abort', () => {
      stream.cancel();
      waiting.destroy();
    });
    for await (const envelope of stream.pipe(waiting)) {
      this.unhandledSince ??= atOf(envelope as Envelope);
      await this.#inTurn(() => this.#handle(envelope as Envelope));
      if (!this.signal.aborted) this.unhandledSince = undefined;
    }
    throw failure;
  }

  /**
   * Proves the stream, then compares what runs with what was told.
   * @returns How many facts of each kind only this look brought.
   */
  async look(): Promise<{ missedStart: number; missedStop: number }> {
    await this.#probe.prove(this.#closed.signal);
    return this.#inTurn(async () => {
      const { tasks } = await this.client.call('containerd.services.tasks.v1.Tasks/List', {});
      const living = tasks.filter(isLiving);
      const missedStop = await this.#findStops(new Map(living.map(({ id, pid }) => [id, pid])));
      return { missedStop, missedStart: await this.#findStarts(living) };
    });
  }

  close(): void {
    const error = new Error('closed');
    this.#closed.abort(error);
    this.#probe.close(error);
    this.client.close();
  }

  /** A container is read about when its first event arrives, not when its turn comes. */
  #hear(envelope: Envelope): void {
    this.heardUntil = atOf(envelope);
    this.#probe.arrives(envelope);
    const event = parseTaskEvent(envelope);
    if (event?.kind === 'containerCreate') this.#records.begin(event.id, event.image);
    else if (event?.kind === 'create') this.#records.hear(event.containerId, event.rootfs);
    else if (event?.kind === 'start' && this.#options.facts.pidOf(event.containerId) !== event.pid) this.#records.hear(event.containerId);
  }

  async #handle(envelope: Envelope): Promise<void> {
    this.#probe.handled(envelope);
    const event = parseTaskEvent(envelope);
    const at = atOf(envelope);
    if (event?.kind === 'start') await this.#options.facts.start(event.containerId, event.pid, at, 'event', this.#records);
    // Another id than the container's is a program started in it later.
    if (event?.kind === 'exit' && (event.id === event.containerId || event.id === '')) {
      await this.#options.facts.stop(event.containerId, event.pid, dateOf(event.exitedAt) ?? at, 'event', event.exitStatus);
    }
    // containerd's shim ends with the task, and may take along what it had to tell of that (seen with 2.4, one in twenty of those that end at once).
    const pid = event?.kind === 'containerDelete' ? this.#options.facts.pidOf(event.id) : undefined;
    if (event?.kind === 'containerDelete' && pid !== undefined) await this.#options.facts.stop(event.id, pid, at, 'event');
  }

  async #findStarts(living: readonly Task[]): Promise<number> {
    const { facts } = this.#options;
    const missed = living.filter(({ id, pid }) => facts.pidOf(id) !== pid);
    for (const { id } of missed) this.#records.hear(id);
    let told = 0;
    for (const { id, pid } of missed) told += await facts.start(id, pid, new Date(), 'reconcile', this.#records);
    return told;
  }

  async #findStops(living: ReadonlyMap<string, number>): Promise<number> {
    const { facts } = this.#options;
    let told = 0;
    for (const [id, pid] of facts.running().filter(([id, pid]) => living.get(id) !== pid)) {
      // The list leaves out tasks whose shim is slow to answer.
      const task = await this.#task(id);
      if (task && isLiving(task) && task.pid === pid) continue;
      const same = task?.pid === pid ? task : undefined;
      told += await facts.stop(id, pid, dateOf(same?.exitedAt ?? null) ?? new Date(), 'reconcile', same?.exitStatus);
    }
    return told;
  }

  async #task(id: string): Promise<Task | null> {
    try {
      return (await this.client.call('containerd.services.tasks.v1.Tasks/Get', { containerId: id })).process;
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function atOf({ timestamp }: Envelope): Date {
  return dateOf(timestamp) ?? new Date();
}
