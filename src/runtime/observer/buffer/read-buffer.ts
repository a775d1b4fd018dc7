/**
 * Reads a buffer for people. Opening the file would change it, and an observer that runs lets nobody in: so it is copied with its
 * log and the copy is read. If it changes meanwhile it is copied again.
 */
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ZastavaError } from '../../../contract/errors.ts';
import type { Gap } from '../../../contract/runtime-event.ts';
import { logLosesCommits } from './log-check.ts';
import { attempt, checkStoreFile, storeFileName } from './store-file.ts';
import { eventColumns, isSound, toEvent, toGap, type EventRow, type GapRow, type StoredEvent } from './store-rows.ts';

export interface ReadEvent extends StoredEvent {
  /** False when its checksum does not hold. */
  readonly sound: boolean;
  /** Given to Scanner, which has not answered yet. */
  readonly underWay: boolean;
}

export interface ReadBuffer {
  readonly formatVersion: number;
  /** The batch under way. */
  readonly batchId: string | null;
  readonly gaps: readonly Gap[];
  readonly facts: Readonly<Record<string, string>>;
  /** Commits are missing from the write-ahead log. */
  readonly logDamaged: boolean;
  /** Oldest first, read one by one: it may be larger than memory. */
  events(): Iterable<ReadEvent>;
}

const copyTries = 20;

/**
 * @param path of the file or of its folder
 * @throws `buffer.unusable` when it is damaged as a whole, or something else; errors of the file system
 */
export function withBuffer<T>(path: string, use: (buffer: ReadBuffer) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-buffer-'));
  try {
    const file = statSync(path).isDirectory() ? join(path, storeFileName) : path;
    const copy = copyOf(file, folder);
    const logDamaged = logLosesCommits(copy);
    const db = new DatabaseSync(copy);
    try {
      return attempt(file, () => use(read(db, file, logDamaged)));
    } finally {
      db.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function copyOf(file: string, folder: string): string {
  const copy = join(folder, basename(file));
  for (let tries = 0; tries < copyTries; tries++) {
    const before = stateOf(file);
    copyFileSync(file, copy);
    rmSync(`${copy}-wal`, { force: true });
    if (statSync(`${file}-wal`, { throwIfNoEntry: false })) copyFileSync(`${file}-wal`, `${copy}-wal`);
    if (stateOf(file) === before) return copy;
  }
  throw new ZastavaError('environment', `${file} changed each time it was copied; try again when the node is quieter, or stop the observer`);
}

function stateOf(file: string): string {
  return ['', '-wal'].map((suffix) => statSync(file + suffix, { throwIfNoEntry: false, bigint: true })).map((stats) => `${stats?.size} ${stats?.mtimeNs} ${stats?.ino}`).join();
}

function read(db: DatabaseSync, file: string, logDamaged: boolean): ReadBuffer {
  const formatVersion = checkStoreFile(db, file);
  if (formatVersion === 0) return { formatVersion, batchId: null, gaps: [], facts: {}, logDamaged, events: () => [] };
  const cursor = db.prepare('SELECT batch_id, last_seq FROM cursor').get() as { batch_id: string; last_seq: number } | undefined;
  const facts = db.prepare('SELECT name, value FROM facts ORDER BY name').all() as { name: string; value: string }[];
  return {
    formatVersion,
    batchId: cursor?.batch_id ?? null,
    gaps: (db.prepare('SELECT * FROM gaps ORDER BY id').all() as unknown as GapRow[]).map(toGap),
    facts: Object.fromEntries(facts.map(({ name, value }) => [name, value])),
    logDamaged,
    *events() {
      for (const row of db.prepare(`SELECT ${eventColumns} FROM events ORDER BY seq`).iterate() as Iterable<unknown> as Iterable<EventRow>) {
        yield { ...toEvent(row), sound: isSound(row), underWay: row.seq <= (cursor?.last_seq ?? 0) };
      }
    },
  };
}
