/**
 * The program in the role of the buffer's worker, over a disk that can be made to fail: while a file named `fault` lies in the
 * folder, each commit does what it says; with `noRoom` commits go on, and the disk says that it is full.
 */
import fs, { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread, workerData } from 'node:worker_threads';
import { serveBuffer, type BufferData } from '../../../../src/runtime/observer/buffer/buffer-worker.ts';

const codes: Readonly<Record<string, number>> = { full: 13, broken: 10, readOnly: 8, corrupt: 11 };

function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

if (!isMainThread) {
  const { data } = workerData as { data: BufferData };
  const fault = join(data.folder, 'fault');
  const kindOf = (): string => (existsSync(fault) ? readFileSync(fault, 'utf8') : '');
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    const kind = sql === 'COMMIT' ? kindOf() : '';
    if (kind === 'exit') process.exit(1);
    if (kind === 'slow') wait(300);
    if (kind === 'hang') while (kindOf() === 'hang') wait(20);
    const errcode = codes[kind];
    if (errcode !== undefined) throw Object.assign(new Error(`disk is ${kind}`), { code: 'ERR_SQLITE_ERROR', errcode });
    exec.call(this, sql);
  };
  const { statfsSync } = fs;
  fs.statfsSync = ((path: string) => Object.assign(statfsSync(path), kindOf() === 'noRoom' && { bavail: 0 })) as typeof statfsSync;
  syncBuiltinESMExports();
  serveBuffer(data);
}
