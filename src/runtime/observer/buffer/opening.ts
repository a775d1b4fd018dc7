/** What an opened buffer says about the time before: what was lost with a damaged file, or with the memory that a tmpfs is. */
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import type { Gap } from '../../../contract/runtime-event.ts';
import type { Log } from '../../telemetry/logs.ts';
import type { Opened } from './buffer-worker.ts';

interface Opening {
  readonly opened: Opened;
  readonly log: Log;
}

/** Nobody can count what is in them: each has the count 0. */
export async function lossesAtOpening({ opened, log }: Opening): Promise<Gap[]> {
  const now = new Date().toISOString();
  const gap = (from: string, to: string): Gap => ({ reason: 'bufferLost', count: 0, bytes: 0, from, to, firstSeq: 0, lastSeq: 0 });
  const { setAside, logDamaged, made, volatile } = opened;
  if (setAside) {
    log.error({ scope: 'buffer', ...setAside }, 'the buffer was damaged: it was set aside, and a new one begun');
    return [gap(setAside.from, setAside.to)];
  }
  if (logDamaged) {
    log.error({ scope: 'buffer' }, "the buffer's write-ahead log was damaged: events that were in it are lost");
    return [gap(now, now)];
  }
  if (!volatile || !made) return [];
  const bootedAt = new Date(Date.now() - uptime() * 1000).toISOString();
  log.warn({ scope: 'buffer', bootedAt, bootId: await bootId() }, 'a new buffer on tmpfs: what the last one held at the boot, if there was one, is lost');
  return [gap(bootedAt, bootedAt)];
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}
