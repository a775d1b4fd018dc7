/**
 * The containers whose start was told and whose stop was not. They outlive the program as a fact of the buffer: the next life
 * tells what stopped meanwhile, and does not tell again what still runs. A start comes here when its event is kept.
 */
import type { Posture, ProcessFacts } from '../../../contract/runtime-event.ts';
import type { Log } from '../../telemetry/logs.ts';
import type { EventBuffer } from '../buffer/event-buffer.ts';
import type { ContainerFact } from '../sources/containerd-facts.ts';

export interface RunningContainer {
  /** Of its start; without environment, which may hold secrets. */
  readonly fact: ContainerFact;
  readonly bootId: string;
  readonly process?: ProcessFacts;
  /** As it was told last, or would have been. */
  posture?: Posture;
  /** The policy's revision whose violation was told. */
  violated?: string;
  /** Files of which drift was told: `<change> <path>`. */
  readonly drifted: Set<string>;
}

interface RunningParts {
  readonly buffer: Pick<EventBuffer, 'keepFact' | 'fact'>;
  readonly log: Log;
}

const factName = 'running';
const saveMs = 1000;

export class RunningContainers {
  readonly #parts: RunningParts;
  readonly #containers = new Map<string, RunningContainer>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  static async load(parts: RunningParts): Promise<RunningContainers> {
    const running = new RunningContainers(parts);
    for (const container of parse(await parts.buffer.fact(factName), parts.log)) running.#containers.set(container.fact.containerId, container);
    return running;
  }

  get(containerId: string): RunningContainer | undefined {
    return this.#containers.get(containerId);
  }

  all(): RunningContainer[] {
    return [...this.#containers.values()];
  }

  add(container: RunningContainer): void {
    const { fact } = container;
    this.#containers.set(fact.containerId, { ...container, fact: { ...fact, spec: { ...fact.spec, env: [] } } });
    this.changed();
  }

  remove(containerId: string): void {
    if (this.#containers.delete(containerId)) this.changed();
  }

  /** To be called after a change of what a container has. */
  changed(): void {
    this.#timer ??= setTimeout(() => void this.save(), saveMs);
  }

  async save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#parts.buffer.keepFact(factName, JSON.stringify(this.all(), (_, value: unknown) => (value instanceof Set ? [...value] : value)));
  }
}

/** Rows of the buffer have a checksum: what does not parse is of a version that this one does not know. */
function parse(text: string | null, log: Log): RunningContainer[] {
  if (text === null) return [];
  try {
    return (JSON.parse(text) as (Omit<RunningContainer, 'drifted'> & { drifted: string[] })[]).map(({ fact, drifted, ...rest }) => {
      if (typeof fact?.pid !== 'number') throw new TypeError('no container');
      return { ...rest, fact: { ...fact, at: new Date(fact.at) }, drifted: new Set(drifted) };
    });
  } catch (error) {
    log.warn({ scope: 'containers', error }, 'what an earlier version knew of running containers cannot be read: they are told again');
    return [];
  }
}
