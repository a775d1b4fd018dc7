/**
 * The power fails at random moments: what was written and not synced is gone. The disk is ext4 over a loop device; when the
 * process has been killed, only what stands on the device is kept, and ext4 and SQLite recover from it. The same with two
 * buffers that are wrong, which must be found out.
 */
import { expect, test } from 'vitest';
import { Oracle } from '../runtime/observer/buffer/crash-oracle.ts';
import { eventually } from './harness/commands.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import { SmallDisk } from './harness/small-disk.ts';

const losses = process.env['FULL'] === '1' ? 200 : 12;

describeWith(['root', 'mkfs.ext4'], 'a buffer whose power fails', () => {
  const folder = scratch('power');

  async function losePower(name: string, env: Readonly<Record<string, string>>): Promise<{ lost: number; unknown: number; declared: number; committed: number; delivered: number }> {
    const disk = await SmallDisk.make(`${folder}/${name}`, 16);
    await using oracle = await Oracle.start();
    oracle.mood = () => (Math.random() < 0.7 ? 'fails' : Math.random() < 0.5 ? 'late' : 'takes');
    for (let loss = 0; loss < losses; loss++) {
      const life = oracle.begin(`${disk.path}/buffer`, { env });
      void life.flood();
      await life.steps('acCsSD'.charAt(Math.floor(Math.random() * 6)), 5 + Math.floor(Math.random() * 12));
      await life.kill();
      await disk.losePower();
    }
    oracle.mood = () => 'takes';
    const last = oracle.begin(`${disk.path}/buffer`, { env });
    await last.steps('O', 1);
    last.offer();
    const newest = oracle.offered.size - 1;
    await eventually(async () => expect(oracle.accepted.has(newest)).toBe(true));
    await last.kill();
    const figures = { lost: oracle.lost().length, unknown: oracle.unknown.length, declared: oracle.declared.length, committed: oracle.committed.size, delivered: oracle.accepted.size };
    console.log(`${name}: ${losses} power losses`, figures);
    return figures;
  }

  const timeout = losses * 10_000 + 120_000;

  test('loses no committed event, and makes up neither events nor losses', { timeout }, async () => {
    const figures = await losePower('ours', {});
    expect(figures).toMatchObject({ lost: 0, unknown: 0, declared: 0 });
    expect(figures.committed).toBeGreaterThan(losses);
  });

  test.each(['synchronous-off', 'delete-first'])('and is found out when it is %s', { timeout }, async (mutation) => {
    expect((await losePower(mutation, { MUTATION: mutation })).lost).toBeGreaterThan(0);
  });
});
