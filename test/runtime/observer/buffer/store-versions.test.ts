/** A buffer that an earlier version wrote, as it is in the corpus of the fuzz tests: a later program must know what to do with it. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { EventStore } from '../../../../src/runtime/observer/buffer/event-store.ts';
import { withBuffer } from '../../../../src/runtime/observer/buffer/read-buffer.ts';
import { newEvents, numberOf } from './new-events.ts';

const folder = mkdtempSync(join(tmpdir(), 'zastava-versions-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a buffer of format 1 is read, delivered from where it was, and goes on', () => {
  const path = join(folder, 'events.db');
  copyFileSync(join(import.meta.dirname, '../../../fuzz/corpus/buffer-file/events.db'), path);
  withBuffer(path, ({ formatVersion, batchId, facts, gaps, events }) => {
    expect({ formatVersion, batchId, facts }).toEqual({ formatVersion: 1, batchId: 'batch', facts: { alive: 'x' } });
    expect(gaps).toMatchObject([{ reason: 'streamLost', count: 2 }]);
    expect([...events()].map(({ seq, sound, underWay }) => [seq, sound, underWay])).toEqual([...Array(12).keys()].map((index) => [index + 1, true, index < 5]));
  });
  const store = new EventStore(path, 64 * 1024 * 1024);
  try {
    store.append(newEvents(12, 1));
    const [limits, numbers]: [{ eventsMax: number; bytesMax: number }, number[][]] = [{ eventsMax: 32, bytesMax: 1024 * 1024 }, []];
    for (let batch = store.next('new', limits); batch; batch = store.next('new', limits)) {
      numbers.push(batch.events.map(numberOf));
      store.settle(batch.batchId);
    }
    expect(numbers).toEqual([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10, 11, 12]]);
  } finally {
    store.close();
  }
});
