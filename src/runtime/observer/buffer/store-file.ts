/**
 * The buffer's file: opening it, knowing it for ours, and what it may take on disk. The file and the write-ahead log beside
 * it stay within `bytesMax`: the log is folded in after `logPages`, and one commit writes at most `commitPages` more.
 */
import { statfsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ZastavaError } from '../../../contract/errors.ts';

export const storeLimits = {
  pageBytes: 4096,
  /** Pages of the write-ahead log before it is folded in. */
  logPages: 128,
  /** Pages that one commit may write besides: an event of 1 MiB, and the rows that make room for it. */
  commitPages: 384,
  /** Rows let go at once when there is no room. */
  dropRows: 32,
} as const;

/** What every commit is held to, so that `commitPages` is enough. An event that is larger is committed alone. */
export const commitLimits = { eventsMax: 64, bytesMax: 256 * 1024 } as const;

export const storeFileName = 'events.db';

/** Marks a file as ours. */
const applicationId = 0x5a537442;
/** Files of a later version are read, and stay of it: what they have more is kept. */
const formatVersion = 1;

const schema = `
  CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS gaps (id INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL, from_at TEXT NOT NULL, to_at TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, batch_id TEXT);
  CREATE TABLE IF NOT EXISTS cursor (only INTEGER PRIMARY KEY CHECK (only = 1), batch_id TEXT NOT NULL, last_seq INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
`;

/** The file is no sound buffer: reading on may give anything. */
export class DamagedFileError extends ZastavaError {
  constructor(path: string, found: string, cause?: unknown) {
    super('buffer.unusable', `${path}: expected a sound buffer, found: ${found}`, { cause });
  }
}

/** Pages of the file alone. */
export function filePagesMax(bytesMax: number): number {
  return Math.floor(bytesMax / storeLimits.pageBytes) - storeLimits.logPages - storeLimits.commitPages;
}

/** Pages by which the file may grow and leave the disk what the log and one commit need: on a full disk nothing could be deleted. */
export function sparePages(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return Math.max(0, Math.floor((bavail * bsize) / storeLimits.pageBytes) - storeLimits.logPages - storeLimits.commitPages);
}

/**
 * Opens the file or makes it; nobody else gets in until it is closed.
 * @throws DamagedFileError; `buffer.unusable` when another process has it or the disk fails
 */
export function openStoreFile(path: string): DatabaseSync {
  const { logPages, pageBytes } = storeLimits;
  return attempt(path, () => {
    const db = new DatabaseSync(path, { timeout: 0 });
    try {
      // Exclusive before the first access: no shared memory file, and nobody else gets in.
      db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${pageBytes}; PRAGMA auto_vacuum = INCREMENTAL`);
      const version = checkStoreFile(db, path);
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${logPages}; PRAGMA journal_size_limit = ${logPages * pageBytes}`);
      db.exec('BEGIN IMMEDIATE');
      db.exec(schema);
      if (version === 0) db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}`);
      db.exec('COMMIT');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Runs work on the file; what SQLite throws becomes an error of ours. */
export function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ZastavaError) throw error;
    const { errcode = 0, code = '', message } = error as Error & { errcode?: number; code?: string };
    const primary = errcode & 0xff;
    // Corrupt, no database, or a number that no column of ours holds.
    if (primary === 11 || primary === 26 || code === 'ERR_OUT_OF_RANGE') throw new DamagedFileError(path, message, error);
    const why = primary === 5 || primary === 6 ? 'another process has it open' : message;
    throw new ZastavaError('buffer.unusable', `${path}: ${why}`, { cause: error });
  }
}

/**
 * @returns the version of its format, 0 for a new file
 * @throws DamagedFileError, and what SQLite throws
 */
export function checkStoreFile(db: DatabaseSync, path: string): number {
  const number = (sql: string): number => Number(Object.values(db.prepare(sql).get() ?? {})[0] ?? 0);
  if (number('SELECT count(*) FROM sqlite_schema') === 0) return 0;
  if (number('PRAGMA application_id') !== applicationId) throw new DamagedFileError(path, 'another SQLite file');
  const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw new DamagedFileError(path, String(found));
  return Math.max(1, number('PRAGMA user_version'));
}
