import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { EventStore } from '../../../../src/runtime/observer/buffer/event-store.ts';
import { logLosesCommits } from '../../../../src/runtime/observer/buffer/log-check.ts';
import { DamagedFileError } from '../../../../src/runtime/observer/buffer/store-file.ts';
import { newEvent, newEvents, newGap, numberOf } from './new-events.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every size and place, instead of some. */
const full = process.env['FULL'] === '1';
const MiB = 1024 * 1024;
const batch = { eventsMax: 32, bytesMax: MiB };
let path: string;
let files = 0;
beforeEach(() => (path = join(folder, `${files++}.db`)));

function using<T>(work: (store: EventStore) => T, bytesMax = 64 * MiB): T {
  const store = new EventStore(path, bytesMax);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** The file while nobody has it open. */
function edit(sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

const numbers = (events: readonly { eventId: string }[] = []): number[] => events.map(numberOf);

describe('the buffer on disk', () => {
  test('gives events in the order they came, under one batch id until it is settled, over restarts too', () => {
    using((store) => {
      store.append(newEvents(0, 40));
      expect(store.next('first', batch)).toMatchObject({ batchId: 'first', events: { length: 32 } });
    });
    using((store) => {
      const again = store.next('other', batch);
      expect(again?.batchId).toBe('first');
      expect(numbers(again?.events)).toEqual([...Array(32).keys()]);
      store.settle('first');
      expect(numbers(store.next('second', batch)?.events)).toEqual([32, 33, 34, 35, 36, 37, 38, 39]);
      store.settle('second');
      expect(store.next('third', batch)).toBeNull();
      expect(store.state()).toMatchObject({ events: 0, gaps: 0, oldest: null });
    });
  });

  test('events that come while a batch is under way are not settled with it', () => {
    using((store) => {
      store.append(newEvents(0, 3));
      store.next('a', batch);
      store.append(newEvents(3, 2));
      store.settle('a');
      expect(numbers(store.next('b', batch)?.events)).toEqual([3, 4]);
      store.settle('a');
      expect(store.state().events).toBe(2);
    });
  });

  test('a batch holds no more bytes than it may, and a larger event is one of its own', () => {
    using((store) => {
      store.append([newEvent(0, 600), newEvent(1, 600), newEvent(2, 5000), newEvent(3, 600)]);
      const sizes = [];
      for (let id = 0, next = store.next('0', { eventsMax: 32, bytesMax: 1500 }); next; next = store.next(String(++id), { eventsMax: 32, bytesMax: 1500 })) {
        sizes.push(numbers(next.events));
        store.settle(next.batchId);
      }
      expect(sizes).toEqual([[0, 1], [2], [3]]);
    });
  });

  test('gaps of one reason are one until they are sent, and ride with one batch only', () => {
    using((store) => {
      store.append([newEvent(0)], [newGap('streamLost', 2), newGap('bufferLost', 0)]);
      store.append([], [{ ...newGap('streamLost', 3), to: '2026-01-02T00:00:00.000Z' }]);
      const { gaps } = store.next('a', batch) ?? {};
      expect(gaps).toMatchObject([{ reason: 'streamLost', count: 5, from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z' }, { reason: 'bufferLost', count: 0 }]);
      store.append([], [newGap('streamLost', 1)]);
      expect(store.next('a', batch)?.gaps).toEqual(gaps);
      store.settle('a');
      expect(store.next('b', batch)).toMatchObject({ events: [], gaps: [{ count: 1 }] });
    });
  });

  test('splitting finds the poison event, each part under an id of its own, and lets it alone go', () => {
    using((store) => {
      store.append(newEvents(0, 32), [newGap('streamLost')]);
      const poison = 21;
      const [ids, delivered, quarantined]: [Set<string>, number[], number[]] = [new Set(), [], []];
      let sends = 0;
      for (let next = store.next(`n${sends}`, batch); next; next = store.next(`n${sends}`, batch)) {
        expect(ids).not.toContain(next.batchId);
        ids.add(next.batchId);
        sends += 1;
        if (numbers(next.events).includes(poison)) quarantined.push(...numbers([store.split(next.batchId).quarantined].filter((event) => event !== null)));
        else {
          delivered.push(...numbers(next.events));
          store.settle(next.batchId);
        }
      }
      expect(quarantined).toEqual([poison]);
      expect(delivered).toEqual([...Array(32).keys()].filter((number) => number !== poison));
      expect(sends).toBeLessThan(20);
      expect(store.takeLosses()).toMatchObject([{ reason: 'eventRejected', count: 1 }]);
    });
  });

  test('an event that is refused together with gaps is tried once more without them, and the gaps are kept', () => {
    using((store) => {
      store.append([newEvent(0)], [newGap('streamLost', 7)]);
      store.next('a', batch);
      expect(store.split('a').quarantined).toBeNull();
      const alone = store.next('b', batch);
      expect(alone).toMatchObject({ events: { length: 1 }, gaps: [] });
      store.settle(alone?.batchId ?? '');
      expect(store.next('c', batch)).toMatchObject({ events: [], gaps: [{ count: 7 }] });
      expect(store.split('c').quarantined).toBeNull();
      expect(store.next('d', batch)).toMatchObject({ gaps: [{ count: 7 }] });
    });
  });

  test('keeps facts over restarts', () => {
    using((store) => (store.keepFact('alive', 'a'), store.keepFact('alive', 'b')));
    expect(using((store) => [store.fact('alive'), store.fact('other')])).toEqual(['b', null]);
  });

  test('a second opener is refused, and the first goes on', () => {
    using((store) => {
      expect(() => new EventStore(path, 64 * MiB)).toThrow(expect.objectContaining({ code: 'buffer.unusable', message: expect.stringContaining('another process') }));
      store.append(newEvents(0, 1));
      expect(store.state().events).toBe(1);
    });
  });
});

describe('room on disk', () => {
  const size = (): number => ['', '-wal'].reduce((sum, suffix) => sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0), 0);

  test.each(full ? [4, 6, 16] : [4])('file and log stay within %i MiB at every moment, whatever comes', (mebibytes) => {
    using((store) => {
      const sizes = [200, 1500, 2100, 3900, 4200, 30_000, 900_000];
      let [number, largest] = [0, 0];
      for (let round = 0; round < (full ? 600 : 56); round++) {
        const bytes = sizes[round % sizes.length] ?? 0;
        const events = newEvents(number, Math.max(1, Math.min(64, Math.floor((256 * 1024) / bytes))), bytes);
        store.append(events);
        number += events.length;
        largest = Math.max(largest, size());
        if (round % 20 === 9) store.next('under way', batch);
      }
      expect(largest).toBeLessThanOrEqual(mebibytes * MiB);
      expect(largest).toBeGreaterThan((mebibytes * MiB) / 3);
      const { events } = store.state();
      expect(events).toBeGreaterThan(0);
      expect(store.takeLosses().reduce((sum, { count }) => sum + count, events)).toBe(number);
    }, mebibytes * MiB);
  });

  test('the oldest events go first, but those under way stay, and each loss is in a gap that is never let go', () => {
    using((store) => {
      store.append(newEvents(0, 10, 30_000), [newGap('streamLost')]);
      const underWay = store.next('a', { eventsMax: 4, bytesMax: MiB });
      for (let round = 0; round < 40; round++) store.append(newEvents(10 + round * 10, 10, 30_000));
      expect(store.next('b', batch)).toEqual(underWay);
      store.settle('a');
      const next = store.next('b', { eventsMax: 256, bytesMax: 100 * MiB });
      const left = numbers(next?.events);
      expect(left.at(-1)).toBe(409);
      expect(left).toEqual([...Array(left.length).keys()].map((index) => 410 - left.length + index));
      expect(next?.gaps).toMatchObject([{ reason: 'bufferFull', count: 410 - 4 - left.length, firstSeq: 5 }]);
    }, 4 * MiB);
  });

  test('a file from when more was allowed becomes small', () => {
    using((store) => {
      for (let round = 0; round < 60; round++) store.append(newEvents(round * 10, 10, 30_000));
    }, 32 * MiB);
    expect(size()).toBeGreaterThan(10 * MiB);
    using((store) => {
      expect(store.takeLosses().reduce((sum, { count }) => sum + count, store.state().events)).toBe(600);
      store.append(newEvents(600, 8, 30_000));
      expect(size()).toBeLessThanOrEqual(4 * MiB);
      expect(store.state().events).toBeGreaterThan(20);
    }, 4 * MiB);
  });
});

describe('damage', () => {
  test.each(['body = body || \' \'', "event_id = 'x'", "kind = 'drift'", "at = 'never'", 'checksum = checksum + 1', 'checksum = 9223372036854775807'])('a row with %s is let go alone, into a gap', (change) => {
    using((store) => store.append(newEvents(0, 5)));
    edit(`UPDATE events SET ${change} WHERE seq = 3`);
    using((store) => {
      const next = store.next('a', batch);
      expect(numbers(next?.events)).toEqual([0, 1, 3, 4]);
      expect(next?.gaps).toMatchObject([{ reason: 'bufferCorrupt', count: 1, firstSeq: 3, lastSeq: 3 }]);
      expect(Number.isNaN(Date.parse(next?.gaps[0]?.from ?? ''))).toBe(false);
      store.settle('a');
      expect(store.state().events).toBe(0);
    });
  });

  test('a damaged end of the batch under way takes no later event with it', () => {
    using((store) => (store.append(newEvents(0, 2)), store.next('a', batch)));
    edit('UPDATE cursor SET last_seq = 1000000');
    using((store) => {
      store.next('b', batch);
      store.append(newEvents(2, 1));
      store.settle('a');
      expect(numbers(store.next('b', batch)?.events)).toEqual([2]);
    });
  });

  test('a file that is flipped or cut anywhere is refused as damaged, or loses nothing that it does not declare', () => {
    using((store) => store.append(newEvents(0, 200, 1500)));
    const whole = readFileSync(path);
    const outcomes = { refused: 0, declared: 0, unharmed: 0 };
    for (let at = 0; at < whole.length; at += full ? 211 : 9001) {
      for (const cut of [false, true]) {
        const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
        writeFileSync(path, bytes);
        if (bytes.length === 0) continue;
        try {
          const found = using((store) => store.next('a', { eventsMax: 256, bytesMax: 100 * MiB }));
          expect(numbers(found?.events).length + (found?.gaps[0]?.count ?? 0), `${cut ? 'cut' : 'flipped'} at ${at}`).toBe(200);
          outcomes[found?.gaps.length ? 'declared' : 'unharmed'] += 1;
        } catch (error) {
          if (!(error instanceof DamagedFileError)) throw error;
          outcomes.refused += 1;
        }
      }
    }
    expect(outcomes.refused).toBeGreaterThan(30);
    expect(outcomes.declared).toBeGreaterThan(10);
  });

  test('a log that is damaged before its last commit is noticed, a torn end is not taken for damage', () => {
    const store = new EventStore(path, 64 * MiB);
    for (let round = 0; round < 5; round++) store.append(newEvents(round * 3, 3, 1500));
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, `${path}.copy${suffix}`);
    store.close();
    const log = readFileSync(`${path}.copy-wal`);
    const copied = (bytes: Uint8Array): boolean => (writeFileSync(`${path}.copy-wal`, bytes), logLosesCommits(`${path}.copy`));
    expect(copied(log)).toBe(false);
    for (let cut = 0; cut < log.length; cut += full ? 97 : 4001) expect(copied(log.subarray(0, cut)), `cut at ${cut}`).toBe(false);
    for (const at of [5, 40, 60, 4000, 9000]) {
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(copied(bytes), `flipped at ${at}`).toBe(true);
    }
  });

  test('a file that is something else is refused', () => {
    edit('CREATE TABLE other (id)');
    expect(() => using(() => undefined)).toThrow(DamagedFileError);
    writeFileSync(path, 'not a database, but long enough to be read as one'.repeat(100));
    expect(() => using(() => undefined)).toThrow(DamagedFileError);
  });
});

test('what a newer version adds is kept: columns, kinds, tables and its version', () => {
  using((store) => store.append(newEvents(0, 1)));
  edit("ALTER TABLE events ADD COLUMN priority INTEGER NOT NULL DEFAULT 3; CREATE TABLE later (x); PRAGMA user_version = 2");
  using((store) => {
    store.append([{ ...newEvent(1), kind: 'kindOfTomorrow' }]);
    expect(store.next('a', batch)?.events.map(({ kind }) => kind)).toEqual(['containerStart', 'kindOfTomorrow']);
  });
  const db = new DatabaseSync(path);
  expect(db.prepare('SELECT priority FROM events').all()).toEqual([{ priority: 3 }, { priority: 3 }]);
  expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
  db.close();
});
