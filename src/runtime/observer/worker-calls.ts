/**
 * Calls into a worker thread and their answers. A worker is this program once more, in another role: one file serves both
 * as source and as bundle. An error crosses as its code and message.
 */
import { parentPort, Worker, type WorkerOptions } from 'node:worker_threads';
import { ZastavaError, type ErrorCode } from '../../contract/errors.ts';

export type WorkerRole = 'buffer' | 'facts';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly input: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Methods by name; each takes one value that can be cloned, and gives one. */
type Methods = Readonly<Record<string, (input: never) => unknown>>;
type InputOf<Method> = Method extends (input: infer Input) => unknown ? Input : never;
type OutputOf<Method> = Method extends (input: never) => infer Output ? Awaited<Output> : never;

export class WorkerCalls<M extends Methods> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: Error | undefined;

  /** @param program The file that runs `serveCalls` in this role. @param onEnd told once, when the worker has ended by itself. */
  constructor(program: URL, role: WorkerRole, data: unknown, options: Pick<WorkerOptions, 'resourceLimits'> = {}, onEnd: (error: Error) => void = () => {}) {
    this.#worker = new Worker(program, { ...options, workerData: { role, data }, name: role });
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    const end = (error: Error): void => {
      if (this.#ended) return;
      this.#ended = error;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      onEnd(error);
    };
    this.#worker.on('error', (error) => end(error as Error));
    this.#worker.on('exit', (code) => end(new ZastavaError('internal', `the ${role} worker ended with ${code}`)));
  }

  call<Name extends keyof M & string>(method: Name, input: InputOf<M[Name]>): Promise<OutputOf<M[Name]>> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, method, input } satisfies Call);
    });
  }

  async terminate(): Promise<void> {
    this.#ended ??= new ZastavaError('internal', 'the worker was ended');
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
    await this.#worker.terminate();
  }

  #settle({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new ZastavaError(error.code, error.message));
    else waiting?.resolve(value);
  }
}

/** In the worker: answers calls in the order in which they come, each when it is done. */
export function serveCalls(methods: Methods): void {
  parentPort?.on('message', async ({ id, method, input }: Call) => {
    try {
      parentPort?.postMessage({ id, value: await methods[method]?.(input as never) } satisfies Answer);
    } catch (error) {
      const known = error instanceof ZastavaError ? { code: error.code, message: error.message } : { code: 'internal' as const, message: error instanceof Error ? error.message : String(error) };
      parentPort?.postMessage({ id, error: known } satisfies Answer);
    }
  });
}
