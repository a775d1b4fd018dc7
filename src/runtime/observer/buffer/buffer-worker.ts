/**
 * The buffer's worker: the one place that touches the disk, so that a slow one stops nobody else. After an error the file is
 * closed, and the next `open` begins anew: what is damaged is set aside, never mended in place.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ZastavaError } from '../../../contract/errors.ts';
import type { Gap } from '../../../contract/runtime-event.ts';
import { serveCalls } from '../worker-calls.ts';
import { EventStore, type BatchLimits, type StoredBatch, type StoreState } from './event-store.ts';
import { logLosesCommits } from './log-check.ts';
import { attempt, DamagedFileError, storeFileName } from './store-file.ts';
import type { NewEvent, StoredEvent } from './store-rows.ts';

/** TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h. */
const memoryFileSystems = [0x01021994, 0x858458f6];

export interface BufferData {
  readonly folder: string;
  readonly bytesMax: number;
}

/** What every answer brings. */
export interface Told<T> {
  readonly value: T;
  readonly state: StoreState;
  /** Let go by the store; in its gaps already. */
  readonly losses: readonly Gap[];
}

export interface Opened {
  /** There was no file before. */
  readonly made: boolean;
  /** The file from before is now beside the new one; null when it is not. */
  readonly setAside: { readonly why: string; readonly from: string; readonly to: string } | null;
  /** The write-ahead log was damaged where commits had been. */
  readonly logDamaged: boolean;
  /** On tmpfs or ramfs. */
  readonly volatile: boolean;
}

/** Closes and opens again where that is needed. */
export interface BufferMethods {
  readonly open: (input: null) => Told<Opened>;
  readonly append: (input: { readonly events: readonly NewEvent[]; readonly gaps: readonly Gap[] }) => Told<null>;
  readonly next: (input: { readonly batchId: string; readonly limits: BatchLimits }) => Told<StoredBatch | null>;
  readonly settle: (batchId: string) => Told<null>;
  readonly split: (batchId: string) => Told<{ readonly quarantined: StoredEvent | null }>;
  readonly keepFact: (input: { readonly name: string; readonly value: string }) => Told<null>;
  readonly fact: (name: string) => Told<string | null>;
  readonly close: (input: null) => null;
  readonly [name: string]: (input: never) => unknown;
}

export function serveBuffer({ folder, bytesMax }: BufferData): void {
  const path = join(folder, storeFileName);
  let store: EventStore | undefined;

  function close(): null {
    store?.close();
    store = undefined;
    return null;
  }

  function tell<T>(work: (store: EventStore) => T): Told<T> {
    if (!store) throw new ZastavaError('buffer.unusable', `${path} is not open`);
    try {
      const value = work(store);
      return { value, state: store.state(), losses: store.takeLosses() };
    } catch (error) {
      close();
      throw error;
    }
  }

  const methods: BufferMethods = {
    open: () => {
      close();
      const opened = attempt(path, () => openFile(path, bytesMax));
      store = opened.store;
      // A disk that is full or read-only opens well; it must show that it takes something.
      return tell((open) => (open.keepFact('openedAt', new Date().toISOString()), opened.opened));
    },
    append: ({ events, gaps }) => tell((open) => (open.append(events, gaps), null)),
    next: ({ batchId, limits }) => tell((open) => open.next(batchId, limits)),
    settle: (batchId) => tell((open) => (open.settle(batchId), null)),
    split: (batchId) => tell((open) => open.split(batchId)),
    keepFact: ({ name, value }) => tell((open) => (open.keepFact(name, value), null)),
    fact: (name) => tell((open) => open.fact(name)),
    close,
  };
  serveCalls(methods);
}

function openFile(path: string, bytesMax: number): { store: EventStore; opened: Opened } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const made = !existsSync(path);
  const logDamaged = logLosesCommits(path);
  let store: EventStore;
  let setAside: Opened['setAside'] = null;
  try {
    store = new EventStore(path, bytesMax);
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    const { birthtime, mtime } = statSync(path);
    setAside = { why: error.message, from: (birthtime < mtime && birthtime.getTime() > 0 ? birthtime : mtime).toISOString(), to: mtime.toISOString() };
    moveAside(path);
    store = new EventStore(path, bytesMax);
  }
  syncFolder(dirname(path));
  return { store, opened: { made, setAside, logDamaged: logDamaged && setAside === null, volatile: memoryFileSystems.includes(statfsSync(path).type) } };
}

/** One at most: a disk that damages every file must not be filled by them. */
function moveAside(path: string): void {
  for (const suffix of ['', '-wal']) {
    rmSync(`${path}.damaged${suffix}`, { force: true });
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged${suffix}`);
  }
  rmSync(`${path}-shm`, { force: true });
  rmSync(`${path}-journal`, { force: true });
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
