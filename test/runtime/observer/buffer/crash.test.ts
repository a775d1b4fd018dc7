/** kill -9 at random moments: 1,000 with FULL=1, which takes half an hour, and a few otherwise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Oracle, type Life } from './crash-oracle.ts';

const full = process.env['FULL'] === '1';
const kills = full ? 1000 : 4;
const folder = mkdtempSync(join(tmpdir(), 'zastava-crash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Counted in steps, so that it means the same on a busy machine; one life in eight does not get over its start. */
async function someTime(life: Life): Promise<void> {
  if (Math.random() < 0.125) {
    await (Math.random() < 0.5 ? sleep(Math.random() * 200) : life.steps('R', 1));
  } else {
    void life.flood();
    await life.steps('acCsSD'.charAt(Math.floor(Math.random() * 6)), 5 + Math.floor(Math.random() * 12));
  }
  if (Math.random() < 0.5) await sleep(Math.random() * 10);
}

/** @param failing share of Scanner's answers */
async function crash(oracle: Oracle, buffer: string, times: number, failing: number, env: Readonly<Record<string, string>> = {}): Promise<Record<string, number>> {
  const diedIn: Record<string, number> = {};
  oracle.mood = () => {
    const dice = Math.random();
    if (dice < failing) return 'fails';
    if (dice < failing + 0.3) return 'late';
    return dice > 0.95 ? 'breaks' : 'takes';
  };
  for (let kill = 0; kill < times; kill++) {
    const life = oracle.begin(buffer, { env });
    await someTime(life);
    for (const phase of await life.kill()) diedIn[phase] = (diedIn[phase] ?? 0) + 1;
    if (kill % 50 === 49) console.log(`${kill + 1} kills`, diedIn);
  }
  oracle.mood = () => 'takes';
  const last = oracle.begin(buffer, { env });
  await last.steps('O', 1);
  last.offer();
  const newest = oracle.offered.size - 1;
  // In peace it delivers what is left and then what is new; a mutant delivers the new alone.
  for (const until = performance.now() + 60_000; !oracle.accepted.has(newest) && performance.now() < until;) await sleep(10);
  await last.kill();
  expect(oracle.accepted.has(newest)).toBe(true);
  return diedIn;
}

test(`after ${kills} kills each committed event was delivered, nothing unknown was, and no loss was made up`, { timeout: kills * 8000 + 120_000 }, async () => {
  await using oracle = await Oracle.start();
  const diedIn = await crash(oracle, join(folder, 'buffer'), kills, 0.05);
  const delivered = [...oracle.accepted.values()].reduce((sum, times) => sum + times, 0);
  if (full) console.log({ ...diedIn, offered: oracle.offered.size, committed: oracle.committed.size, delivered, twice: delivered - oracle.accepted.size });
  expect(oracle.committed.size).toBeGreaterThan(kills);
  expect(oracle.lost()).toEqual([]);
  expect(oracle.unknown).toEqual([]);
  expect(oracle.declared).toEqual([]);
});

test('the same test fails when a batch is deleted before the answer', { timeout: 300_000 }, async () => {
  await using oracle = await Oracle.start();
  for (let round = 0; round < 10 && oracle.lost().length === 0; round++) await crash(oracle, join(folder, 'mutant'), 2, 0.5, { MUTATION: 'delete-first' });
  expect(oracle.lost().length).toBeGreaterThan(0);
});
