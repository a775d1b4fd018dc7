/** What the observer can find out about a process, alive or gone; crosses from the worker, so plain values only. */
import type { Evidence, LoadedLibrary, ProcessFacts } from '../../../contract/runtime-event.ts';

/** A program or library that is executed and is not of the image. */
export interface DriftFile {
  /** In the container; `memfd:…` for one that has no file. */
  readonly path: string;
  readonly change: 'new' | 'changed';
}

export interface ObservedProcess {
  readonly facts: ProcessFacts;
  readonly bootId: string;
  readonly libs: readonly LoadedLibrary[];
  readonly evidence: readonly Evidence[];
  readonly drift: readonly DriftFile[];
}

/** The program of a container that is gone: there is no pid to prove it by. */
export interface ObservedSnapshot extends Omit<ObservedProcess, 'facts' | 'bootId'> {
  readonly facts: Omit<ProcessFacts, 'pid' | 'startTime'>;
}

/** Nothing could be read, or not of one and the same process. */
export interface Unseen {
  readonly idKind: 'exited' | 'unreadable';
}

/** Folders of an overlay on the host; without `upper` nothing can be said about drift. */
export interface RootFolders {
  readonly upper?: string;
  /** Uppermost first. */
  readonly lowers: readonly string[];
}

export interface WantedProcess {
  /** Arguments of the container's specification: a process can change its own. */
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly rootfs?: RootFolders;
  /** False: also for `tini` and the like, its own facts instead of its child's. Default true. */
  readonly follow?: boolean;
  /** Milliseconds to wait for the runtime's own `init` to become the program; default 1000. What still looks like one then is the container's. */
  readonly runtimeWaitMsMax?: number;
  /** Milliseconds to wait for a shell or an init to start the real program; default 20. */
  readonly programWaitMsMax?: number;
}

export interface WantedSnapshot {
  readonly rootfs: RootFolders;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
}
