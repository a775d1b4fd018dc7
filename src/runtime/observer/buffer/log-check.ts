/**
 * SQLite ends a write-ahead log silently at the first frame whose checksum does not hold. After a crash that is right: the
 * frame was never committed. After damage it is not: commits that had returned are gone with it. Here the two are told apart
 * (https://www.sqlite.org/fileformat2.html#walformat): frames of a later commit beyond the bad one mean damage.
 */
import { existsSync, readFileSync } from 'node:fs';

const headerBytes = 32;
const frameHeaderBytes = 24;

/** @param path of the database; its log is beside it. */
export function logLosesCommits(path: string): boolean {
  if (!existsSync(`${path}-wal`)) return false;
  const log = readFileSync(`${path}-wal`);
  if (log.length < headerBytes) return false;
  const [magic, pageBytes] = [log.readUInt32BE(0), log.readUInt32BE(8)];
  const sums = new Checksum(magic === 0x377f0683);
  const headerHolds = magic >>> 1 === 0x377f0682 >>> 1 && sums.holds(log.subarray(0, 24), log, 24);
  // A log that was begun once is never without a header.
  if (!headerHolds) return log.length > headerBytes;
  const salts = log.toString('latin1', 16, 24);
  let bad = false;
  for (let at = headerBytes; at + frameHeaderBytes + pageBytes <= log.length; at += frameHeaderBytes + pageBytes) {
    const frame = log.subarray(at, at + frameHeaderBytes + pageBytes);
    const ours = frame.toString('latin1', 8, 16) === salts;
    bad ||= !ours || !(sums.add(frame.subarray(0, 8)), sums.holds(frame.subarray(frameHeaderBytes), frame, 16));
    // The frames of one commit may reach the disk in any order, so only one that ended after the bad frame tells.
    if (bad && ours && frame.readUInt32BE(4) !== 0 && at > headerBytes && nextIsOurs(log, at + frameHeaderBytes + pageBytes, salts)) return true;
  }
  return false;
}

function nextIsOurs(log: Buffer, at: number, salts: string): boolean {
  return at + frameHeaderBytes <= log.length && log.toString('latin1', at + 8, at + 16) === salts;
}

class Checksum {
  readonly #bigEndian: boolean;
  #a = 0;
  #b = 0;

  constructor(bigEndian: boolean) {
    this.#bigEndian = bigEndian;
  }

  add(bytes: Buffer): void {
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      const [x, y] = this.#bigEndian ? [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)] : [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
      this.#a = (this.#a + x + this.#b) >>> 0;
      this.#b = (this.#b + y + this.#a) >>> 0;
    }
  }

  /** Adds the bytes and compares with the two numbers that stand in `log`. */
  holds(bytes: Buffer, log: Buffer, at: number): boolean {
    this.add(bytes);
    return this.#a === log.readUInt32BE(at) && this.#b === log.readUInt32BE(at + 4);
  }
}
