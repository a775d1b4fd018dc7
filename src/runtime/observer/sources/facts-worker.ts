/** The worker that reads what attackers write: proc texts, ELF files, layers. It holds no key, and is ended when it hangs. */
import { serveCalls } from '../worker-calls.ts';
import { ContainerProcesses, type ContainerProcess } from './container-processes.ts';
import { FileReader } from './executable.ts';
import { readProcess } from './proc.ts';
import type { ObservedProcess, ObservedSnapshot, Unseen, WantedProcess, WantedSnapshot } from './process-facts.ts';
import type { LibraryLimits } from './snapshot-libraries.ts';
import { readSnapshot } from './snapshot.ts';

/** Data of the worker. */
export interface FactsData {
  readonly procRoot: string;
  readonly libraries: LibraryLimits;
}

/** What the worker answers. */
export type FactsMethods = {
  /** Answered as soon as it can answer at all. */
  readonly ready: (input: null) => null;
  readonly process: (input: { readonly pid: number; readonly wanted: WantedProcess }) => Promise<ObservedProcess | Unseen>;
  readonly snapshot: (input: WantedSnapshot) => ObservedSnapshot | Unseen;
  /** Processes of these containers that are new, or run other code than at the last call. */
  readonly changed: (containerIds: readonly string[]) => ContainerProcess[];
};

export function serveFacts({ procRoot, libraries }: FactsData): void {
  const reader = new FileReader();
  const processes = new ContainerProcesses(procRoot);
  const methods: FactsMethods = {
    ready: () => null,
    process: ({ pid, wanted }) => readProcess(pid, wanted, { procRoot, libraries, reader }),
    snapshot: (wanted) => readSnapshot(wanted, libraries, reader),
    changed: (containerIds) => processes.changed(containerIds),
  };
  serveCalls(methods);
}
