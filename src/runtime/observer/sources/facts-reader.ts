/**
 * The side of the facts worker that the program sees. A call that takes too long, or that ends the worker, costs this
 * worker its life; the calls that were with it then are asked once more, one at a time, so that the one to blame is the
 * only one to be answered with `unreadable`.
 *
 *     waiting ──► running (up to 8) ──► answered
 *                    │ the worker ends
 *                    └──► suspect ──► running alone ──► answered, or `unreadable`
 */
import { WorkerCalls } from '../worker-calls.ts';
import type { ContainerProcess } from './container-processes.ts';
import type { FactsData, FactsMethods } from './facts-worker.ts';
import type { ObservedProcess, ObservedSnapshot, RootFolders, Unseen, WantedProcess } from './process-facts.ts';
import { searchEnvironment } from './snapshot-entry.ts';

export interface FactsOptions extends FactsData {
  /** The file that runs `serveFacts` in the role `facts`. */
  readonly program: URL;
  /** Milliseconds for one call; default 5000. */
  readonly deadlineMs?: number;
  /** Heap of the worker in MiB; default 64. */
  readonly heapMiB?: number;
  /** Told why a worker was lost, or a process could not be read for a mistake of ours. */
  readonly onFailure?: (error: Error) => void;
}

interface Task {
  readonly run: (worker: WorkerCalls<FactsMethods>) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  isSuspect: boolean;
}

interface StartedWorker {
  readonly calls: WorkerCalls<FactsMethods>;
  /** A busy node can take a while to start a thread: this does not count against the first calls. */
  readonly ready: Promise<unknown>;
}

const runningMax = 8;
const startMsMax = 30_000;
const unreadable: Unseen = { idKind: 'unreadable' };

export class FactsReader {
  readonly #options: FactsOptions;
  readonly #waiting: Task[] = [];
  readonly #suspects: Task[] = [];
  readonly #running = new Set<Task>();
  #worker: StartedWorker | undefined;
  #closed = false;

  constructor(options: FactsOptions) {
    this.#options = options;
  }

  process(pid: number, wanted: WantedProcess = {}): Promise<ObservedProcess | Unseen> {
    const { env, ...rest } = wanted;
    const input = { pid, wanted: { ...rest, ...(env ? { env: withoutSecrets(env) } : {}) } };
    return this.#ask((worker) => worker.call('process', input));
  }

  /** The program that a container ran, from its layers and its specification. */
  snapshot(rootfs: RootFolders, args: readonly string[], env: readonly string[], cwd: string): Promise<ObservedSnapshot | Unseen> {
    const input = { rootfs, args, env: withoutSecrets(env), cwd };
    return this.#ask((worker) => worker.call('snapshot', input));
  }

  /** Processes of these containers that are new, or run other code than at the last call; after the loss of a worker, all. */
  async changed(containerIds: readonly string[]): Promise<readonly ContainerProcess[]> {
    const found = await this.#ask<readonly ContainerProcess[]>((worker) => worker.call('changed', containerIds));
    return 'idKind' in found ? [] : found;
  }

  /** What is still asked then is answered with `unreadable`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const task of [...this.#waiting.splice(0), ...this.#suspects.splice(0), ...this.#running]) task.resolve(unreadable);
    this.#running.clear();
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.calls.terminate();
  }

  #ask<Facts>(run: (worker: WorkerCalls<FactsMethods>) => Promise<Facts | Unseen>): Promise<Facts | Unseen> {
    if (this.#closed) return Promise.resolve(unreadable);
    return new Promise((resolve) => {
      this.#waiting.push({ run, resolve: resolve as (value: unknown) => void, isSuspect: false });
      this.#next();
    });
  }

  #next(): void {
    while (!this.#closed) {
      const isAlone = this.#suspects.length > 0 || [...this.#running].some(({ isSuspect }) => isSuspect);
      if (this.#running.size >= (isAlone ? 1 : runningMax)) return;
      const task = this.#suspects.shift() ?? this.#waiting.shift();
      if (!task) return;
      this.#running.add(task);
      void this.#run(task);
    }
  }

  async #run(task: Task): Promise<void> {
    const worker = (this.#worker ??= this.#start());
    let timer: NodeJS.Timeout | undefined;
    try {
      await worker.ready;
      timer = this.#loseAfter(worker.calls, this.#options.deadlineMs ?? 5000);
      const value = await task.run(worker.calls);
      if (this.#running.delete(task)) task.resolve(value);
    } catch (error) {
      // When the worker was lost, the task is with another by now.
      if (worker === this.#worker && this.#running.delete(task)) {
        this.#options.onFailure?.(error as Error);
        task.resolve(unreadable);
      }
    } finally {
      clearTimeout(timer);
    }
    this.#next();
  }

  #start(): StartedWorker {
    const { program, procRoot, libraries, heapMiB = 64 } = this.#options;
    const resourceLimits = { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 4, stackSizeMb: 2 };
    const calls: WorkerCalls<FactsMethods> = new WorkerCalls<FactsMethods>(program, 'facts', { procRoot, libraries } satisfies FactsData, { resourceLimits }, (error) => this.#lose(calls, error));
    const timer = this.#loseAfter(calls, startMsMax);
    return { calls, ready: calls.call('ready', null).finally(() => clearTimeout(timer)) };
  }

  #loseAfter(calls: WorkerCalls<FactsMethods>, ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#lose(calls, new Error(`the facts worker did not answer in ${ms} ms`)), ms);
  }

  #lose(calls: WorkerCalls<FactsMethods>, error: Error): void {
    if (calls !== this.#worker?.calls) return;
    this.#worker = undefined;
    for (const task of this.#running) {
      if (task.isSuspect) task.resolve(unreadable);
      else this.#suspects.push(Object.assign(task, { isSuspect: true }));
    }
    this.#running.clear();
    // Not awaited: a thread in a read that never returns would not end either.
    void calls.terminate();
    this.#options.onFailure?.(error);
    this.#next();
  }
}

/** The environment of a container often holds secrets: they do not cross. */
function withoutSecrets(env: readonly string[]): string[] {
  const { path, libraryPath, preload } = searchEnvironment(env);
  return [['PATH', path], ['LD_LIBRARY_PATH', libraryPath], ['LD_PRELOAD', preload]].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}
