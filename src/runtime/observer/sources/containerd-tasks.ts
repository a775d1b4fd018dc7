/**
 * Which containers run, told by events that may come twice, late or in the wrong order, and by looks at the node in between.
 *
 *   unknown ── start ──▶ running ── stop ──▶ ended ── a later start ──▶ running …
 *      └─ stop, before its start ──▶ ended, untold ── that start ──▶ told as start and stop
 *
 * Invariant: starts and stops that were told of one container alternate.
 */
export interface TaskStep {
  readonly kind: 'start' | 'stop';
  readonly id: string;
  readonly pid: number;
  readonly at: Date;
  readonly exitStatus?: number;
}

interface Ended extends TaskStep {
  told: boolean;
  /** Starts of this pid up to here are the one that was told. */
  until: Date;
}

const endedMax = 4096;

export class ContainerdTasks {
  readonly #running = new Map<string, { readonly pid: number; readonly at: Date }>();
  readonly #ended = new Map<string, Ended>();

  /** @returns What is to be told now, in order. */
  start(id: string, pid: number, at: Date): TaskStep[] {
    const ended = this.#ended.get(id);
    if (ended?.pid === pid && ended.told && at <= ended.until) return [];
    const running = this.#running.get(id);
    if (running?.pid === pid || (running && at < running.at)) return [];
    const before = running ? this.stop(id, running.pid, at) : [];
    if (ended?.pid === pid && !ended.told) {
      Object.assign(ended, { told: true, until: later(at, ended.at) });
      const { told: _, until: __, ...stop } = ended;
      // containerd tells of a start when its runtime is back from it: a program may be over by then.
      this.#ended.set(id, ended);
      return [...before, { kind: 'start', id, pid, at: at < ended.at ? at : ended.at }, stop];
    }
    this.#running.set(id, { pid, at });
    return [...before, { kind: 'start', id, pid, at }];
  }

  stop(id: string, pid: number, at: Date, exitStatus?: number): TaskStep[] {
    const running = this.#running.get(id);
    const told = running?.pid === pid;
    if (!told && this.#ended.get(id)?.pid === pid) return [];
    const stop: TaskStep = { kind: 'stop', id, pid, at, ...(exitStatus !== undefined && { exitStatus }) };
    // Last in, last out.
    this.#ended.delete(id);
    if (this.#ended.size >= endedMax) this.#ended.delete(this.#ended.keys().next().value!);
    this.#ended.set(id, { ...stop, told, until: told ? later(at, running.at) : at });
    if (!told) return [];
    this.#running.delete(id);
    return [stop];
  }

  /** As if it had never been heard of: the next look finds it again. */
  forget(id: string): void {
    this.#running.delete(id);
  }

  pidOf(id: string): number | undefined {
    return this.#running.get(id)?.pid;
  }

  /** Id → pid. */
  running(): [string, number][] {
    return [...this.#running].map(([id, { pid }]) => [id, pid]);
  }
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
