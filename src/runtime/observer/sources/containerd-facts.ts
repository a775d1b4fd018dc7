/** Turns starts and stops of tasks into facts about containers, told in order and one at a time. */
import type { Log } from '../../telemetry/logs.ts';
import type { ContainerdRecords, ContainerRecord } from './containerd-records.ts';
import { ContainerdTasks, type TaskStep } from './containerd-tasks.ts';

/** A container whose entry process started or ended. */
export interface ContainerFact extends Omit<ContainerRecord, 'sandbox'> {
  readonly kind: 'start' | 'stop';
  /** containerd's id, without its scheme. */
  readonly containerId: string;
  /** In the pid namespace of containerd. */
  readonly pid: number;
  /** When it happened; for a start with evidence `reconcile`, when it was found. */
  readonly at: Date;
  readonly evidence: FactEvidence;
  /** Of stops, where it is known. */
  readonly exitStatus?: number;
}

/** Told by containerd when it happened, or found at a later look. */
export type FactEvidence = 'event' | 'reconcile';

export interface FactsOptions {
  /** Awaited: while it takes its time, events wait in containerd. What it throws is logged, and the fact counts as told. */
  readonly onFact: (fact: ContainerFact) => void | Promise<void>;
  /** Starts told in an earlier life of the program: what of them still runs is not told again, what does not is told as stopped. */
  readonly known?: readonly ContainerFact[];
  readonly log: Log;
}

export class ContainerdFacts {
  readonly #options: FactsOptions;
  readonly #tasks = new ContainerdTasks();
  /** Starts of what runs; null for a sandbox, of which nothing is told. */
  readonly #started = new Map<string, ContainerFact | null>();

  constructor(options: FactsOptions) {
    this.#options = options;
    for (const fact of options.known ?? []) {
      this.#tasks.start(fact.containerId, fact.pid, fact.at);
      this.#started.set(fact.containerId, fact);
    }
  }

  /** @returns How many facts were told. Throws when containerd cannot be asked about the container; it then counts as unknown. */
  async start(id: string, pid: number, at: Date, evidence: FactEvidence, records: ContainerdRecords): Promise<number> {
    let told = 0;
    for (const step of this.#tasks.start(id, pid, at)) told += step.kind === 'stop' ? await this.#tellStop(step, evidence) : await this.#tellStart(step, evidence, records);
    return told;
  }

  /** @returns How many facts were told. */
  async stop(id: string, pid: number, at: Date, evidence: FactEvidence, exitStatus?: number): Promise<number> {
    let told = 0;
    for (const step of this.#tasks.stop(id, pid, at, exitStatus)) told += await this.#tellStop(step, evidence);
    return told;
  }

  pidOf(id: string): number | undefined {
    return this.#tasks.pidOf(id);
  }

  /** Id → pid of all that runs, as far as it was told. */
  running(): [string, number][] {
    return this.#tasks.running();
  }

  async #tellStart({ id, pid, at }: TaskStep, evidence: FactEvidence, records: ContainerdRecords): Promise<number> {
    const record = await records.take(id).catch((error: unknown) => {
      this.#tasks.forget(id);
      throw error;
    });
    const { sandbox, ...known } = record;
    const fact: ContainerFact = { kind: 'start', containerId: id, pid, at, evidence, ...known };
    this.#started.set(id, sandbox ? null : fact);
    return sandbox ? 0 : this.#tell(fact);
  }

  async #tellStop({ id, pid, at, exitStatus }: TaskStep, evidence: FactEvidence): Promise<number> {
    const started = this.#started.get(id);
    this.#started.delete(id);
    return started ? this.#tell({ ...started, kind: 'stop', pid, at, evidence, ...(exitStatus !== undefined && { exitStatus }) }) : 0;
  }

  async #tell(fact: ContainerFact): Promise<1> {
    try {
      await this.#options.onFact(fact);
    } catch (error) {
      this.#options.log.error({ scope: 'containerd', container: fact.containerId, kind: fact.kind, error }, 'a fact about a container was not taken');
    }
    return 1;
  }
}
