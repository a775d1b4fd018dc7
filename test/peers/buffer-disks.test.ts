/**
 * The buffer on a disk that fails: full, read-only, without the room that it claims (EIO from the device), and with single
 * system calls that fail (EIO from strace). The process must live on in bounded memory, and what it was given is delivered
 * or declared.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { commitLimits } from '../../src/runtime/observer/buffer/store-file.ts';
import { Oracle, type Life } from '../runtime/observer/buffer/crash-oracle.ts';
import { succeed } from './harness/commands.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import { SmallDisk } from './harness/small-disk.ts';

const eventBytes = 4000;
/** Node itself, the bundle, and both ends of the buffer's 8 MiB. */
const rssMiBMax = 256;

/** Returns when the process has taken all that it was given; in memory mode it says so at once. */
async function taken(oracle: Oracle, seconds = 120): Promise<void> {
  for (const until = performance.now() + seconds * 1000; oracle.committed.size < oracle.offered.size;) {
    if (performance.now() > until) throw new Error(`only ${oracle.committed.size} of ${oracle.offered.size} were taken`);
    await sleep(10);
  }
}

/** Returns when each event is delivered or in a gap. */
async function balanced(oracle: Oracle, life: Life, seconds = 120): Promise<void> {
  const owed = (): number => oracle.offered.size - oracle.accepted.size - oracle.declaredCount();
  for (const until = performance.now() + seconds * 1000; owed() > 0;) {
    if (performance.now() > until) throw new Error(`${owed()} of ${oracle.offered.size} are neither delivered nor declared`);
    expect(life.alive).toBe(true);
    await sleep(20);
  }
}

async function inRounds(oracle: Oracle, life: Life, rounds: number, count: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    life.offer(count);
    await taken(oracle);
  }
}

function healthy(oracle: Oracle, life: Life): void {
  expect(life.alive).toBe(true);
  expect(life.rssMiB).toBeLessThan(rssMiBMax);
  expect(oracle.unknown).toEqual([]);
}

describeWith(['root', 'mkfs.ext4'], 'a buffer on a disk that fails', () => {
  const folder = scratch('disks');

  test.each(['ext4', 'tmpfs'])('%s, filled by others: events go on from memory, the oldest are declared, and nothing else is lost', async (kind) => {
    const disk = kind === 'ext4' ? await SmallDisk.make(join(folder, kind), 8) : await SmallDisk.inMemory(join(folder, kind), 8);
    await using oracle = await Oracle.start({ eventBytes });
    oracle.mood = () => 'fails';
    const life = oracle.begin(join(disk.path, 'buffer'));
    await life.steps('O', 1);
    await inRounds(oracle, life, 4, 64);
    disk.fill();
    await inRounds(oracle, life, 50, 64);
    healthy(oracle, life);
    disk.empty();
    oracle.mood = () => 'takes';
    await balanced(oracle, life);
    healthy(oracle, life);
    expect(oracle.declaredCount('bufferFull')).toBeGreaterThan(0);
    // What was under way when the disk failed or came back, a commit and a batch, is in memory and on disk: it may be declared besides.
    expect(oracle.accepted.size + oracle.declaredCount('bufferFull') - oracle.offered.size).toBeLessThanOrEqual(commitLimits.eventsMax + 16);
    await life.end();
  });

  test('smaller than the buffer may be: the oldest go as if it were larger, and the rest outlives a kill', async () => {
    const disk = await SmallDisk.make(join(folder, 'small'), 8);
    await using oracle = await Oracle.start({ eventBytes });
    oracle.mood = () => 'fails';
    const killed = oracle.begin(join(disk.path, 'buffer'));
    await killed.steps('O', 1);
    await inRounds(oracle, killed, 50, 64);
    healthy(oracle, killed);
    await killed.kill();
    oracle.mood = () => 'takes';
    const life = oracle.begin(join(disk.path, 'buffer'));
    await balanced(oracle, life);
    expect(oracle.accepted.size).toBeGreaterThan(500);
    expect(oracle.accepted.size + oracle.declaredCount('bufferFull')).toBe(oracle.offered.size);
    await life.end();
  });

  test('made read-only: the same, and used again when it is mounted anew', async () => {
    const disk = await SmallDisk.make(join(folder, 'read-only'), 8);
    await using oracle = await Oracle.start({ eventBytes });
    oracle.mood = () => 'fails';
    const life = oracle.begin(join(disk.path, 'buffer'));
    await life.steps('O', 1);
    await inRounds(oracle, life, 4, 64);
    await disk.becomeReadOnly();
    await inRounds(oracle, life, 4, 64);
    healthy(oracle, life);
    await disk.repair();
    oracle.mood = () => 'takes';
    await balanced(oracle, life);
    healthy(oracle, life);
    expect(oracle.declaredCount()).toBe(0);
    await life.end();
  });

  test('with less room than the device claims, so that syncing gives EIO', async () => {
    const disk = await SmallDisk.make(join(folder, 'thin'), 16, 3);
    await using oracle = await Oracle.start({ eventBytes });
    oracle.mood = () => 'fails';
    const life = oracle.begin(join(disk.path, 'buffer'));
    await life.steps('O', 1);
    await inRounds(oracle, life, 60, 32);
    healthy(oracle, life);
    await disk.repair();
    oracle.mood = () => 'takes';
    await balanced(oracle, life);
    healthy(oracle, life);
    await life.end();
  });
});

describeWith(['root', 'strace'], 'a buffer whose system calls fail', () => {
  const folder = scratch('calls');
  const faults = ['fsync:error=EIO:when=10..31+7', 'pwrite64:error=EIO:when=30+41', 'pwrite64:error=ENOSPC:when=30+41', 'pread64:error=EIO:when=5..60+9', 'ftruncate:error=EIO:when=1+2'];

  test.each(faults)('%s', async (fault) => {
    const buffer = join(folder, fault.replaceAll(/\W/g, '-'));
    await succeed('mkdir', [buffer]);
    const files = ['events.db', 'events.db-wal'].flatMap((name) => ['-P', join(buffer, name)]);
    await using oracle = await Oracle.start({ eventBytes });
    oracle.mood = () => (Math.random() < 0.2 ? 'fails' : 'takes');
    const life = oracle.begin(buffer, { by: ['strace', '-f', '-qq', '-o', join(buffer, 'trace'), ...files, '-e', `inject=${fault}`] });
    await life.steps('O', 1);
    await inRounds(oracle, life, 20, 32);
    oracle.mood = () => 'takes';
    await balanced(oracle, life, 200);
    expect(life.alive).toBe(true);
    expect(oracle.unknown).toEqual([]);
    await life.end();
    expect(readFileSync(join(buffer, 'trace'), 'utf8')).toContain('INJECTED');
  });
});
