import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { define as defineCheck } from '../../../src/cli/zastava/buffer-check.ts';
import { define as defineDump } from '../../../src/cli/zastava/buffer-dump.ts';
import { EventStore } from '../../../src/runtime/observer/buffer/event-store.ts';
import { newEvents, newGap, numberOf } from '../../runtime/observer/buffer/new-events.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zastava-buffer-cli-'));
  path = join(folder, 'events.db');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

async function buffer(...args: string[]): Promise<{ stdout: string; stderr: string; code: typeof process.exitCode }> {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
  const command = new Command('buffer');
  defineCheck(command.command('check'));
  defineDump(command.command('dump'));
  await command.parseAsync(args, { from: 'user' });
  return { stdout, stderr, code: process.exitCode };
}

function filled(): EventStore {
  const store = new EventStore(path, 64 * 1024 * 1024);
  store.append(newEvents(0, 5), [newGap('streamLost', 3)]);
  store.next('batch-1', { eventsMax: 2, bytesMax: 1024 * 1024 });
  store.append(newEvents(5, 1), [newGap('bufferLost', 0)]);
  return store;
}

test('a buffer is read while the observer has it open, and is not changed by it', async () => {
  const store = filled();
  const before = [readFileSync(path), readFileSync(`${path}-wal`), statSync(path).mtimeMs];
  const { stdout, code } = await buffer('check', folder);
  expect(stdout).toMatch(/events +6, from 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:05.000Z/);
  expect(stdout).toMatch(/under way +2 in batch batch-1/);
  expect(stdout).toMatch(/gap +streamLost: 3 events/);
  expect(stdout).toMatch(/gap +bufferLost: unknown number of events/);
  expect(stdout).toContain('sound');
  expect(code).toBeUndefined();

  const lines = (await buffer('dump', path)).stdout.trim().split('\n').map((line) => JSON.parse(line) as { gap?: { reason: string }; underWay?: boolean; envelope?: { event: { eventId: string } } });
  expect(lines.map(({ gap, envelope }) => gap?.reason ?? numberOf(envelope?.event ?? { eventId: '' }))).toEqual(['streamLost', 'bufferLost', 0, 1, 2, 3, 4, 5]);
  expect(lines.map(({ underWay }) => underWay)).toEqual([undefined, undefined, true, true, false, false, false, false]);
  expect([readFileSync(path), readFileSync(`${path}-wal`), statSync(path).mtimeMs]).toEqual(before);
  store.close();
});

test('damaged rows are counted and shown, and the exit code is 1', async () => {
  filled().close();
  const db = new DatabaseSync(path);
  db.exec("UPDATE events SET body = 'not what it was' WHERE seq = 4");
  db.close();
  const { stdout, code } = await buffer('check', folder, '--json');
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, events: 6, damaged: 1, underWay: 2, logDamaged: false, gaps: { length: 2 } });
  expect(code).toBe(1);
  const dumped = await buffer('dump', folder);
  expect(dumped.stdout.split('\n')).toContain('{"seq":4,"underWay":false,"damaged":"not what it was"}');
  expect(dumped.stderr).toContain('1 row is damaged');
});

test('what is no buffer is an error that says so', async () => {
  writeFileSync(path, 'no database'.repeat(1000));
  await expect(buffer('check', folder)).rejects.toMatchObject({ code: 'buffer.unusable', exitCode: 3 });
  await expect(buffer('dump', join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
});
