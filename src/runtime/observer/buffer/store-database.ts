/** The buffer's file while it is open: statements are prepared once, and a transaction happens as a whole or not at all. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { attempt, openStoreFile, storeLimits } from './store-file.ts';

export class StoreDatabase {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();

  /** Throws as `openStoreFile`; so do all methods when the disk fails. */
  constructor(path: string) {
    this.#path = path;
    this.#db = openStoreFile(path);
  }

  /** On disk when this returns. */
  transaction<T>(work: () => T): T {
    return attempt(this.#path, () => {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** @returns how many rows it changed */
  run(sql: string, ...values: (string | number | null)[]): number {
    return attempt(this.#path, () => Number(this.#statement(sql).run(...values).changes));
  }

  all<Row>(sql: string, ...values: (string | number)[]): Row[] {
    return attempt(this.#path, () => this.#statement(sql).all(...values) as Row[]);
  }

  get<Row>(sql: string, ...values: (string | number)[]): Row | undefined {
    return attempt(this.#path, () => this.#statement(sql).get(...values) as Row | undefined);
  }

  /** The one column of the one row. */
  number(sql: string): number {
    return Number(Object.values(this.get<Record<string, unknown>>(sql) ?? {})[0] ?? 0);
  }

  pages(): number {
    return this.number('PRAGMA page_count');
  }

  usedPages(): number {
    return this.pages() - this.number('PRAGMA freelist_count');
  }

  foldLog(): void {
    this.#exec('PRAGMA wal_checkpoint');
  }

  /** Gives the file's free pages back until it is no larger, and keeps it so. */
  shrinkTo(pagesMax: number): void {
    for (let before = Infinity, now = this.pages(); now > pagesMax && now < before; before = now, now = this.pages()) {
      this.#exec(`PRAGMA incremental_vacuum(${storeLimits.logPages})`);
      this.foldLog();
    }
    this.#exec(`PRAGMA max_page_count = ${pagesMax}`);
  }

  close(): void {
    this.#db.close();
  }

  #exec(sql: string): void {
    attempt(this.#path, () => this.#db.exec(sql));
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }
}
