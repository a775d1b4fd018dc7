/** Runbook 4.2: Scanner slow, Scanner dead, and dead for longer than the buffer lasts. */
import { expect, test } from 'vitest';
import type { Gap } from '../../../src/contract/runtime-event.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { everythingAccounted, everythingKnown } from './accounts.ts';
import { eventsWait, long, nothingWaits, startPods, unasked, type Incident } from './incident-setting.ts';
import { settle } from './installation.ts';
import { printed } from './printed.ts';
import { sitePolicy } from './walk.ts';

/** Runbook 4.2, step 2. */
const askForHealth = printed('2. Ask Scanner for its health:')[0]!;

/** The least that the schema allows. */
const bufferBytesMin = 4 * 1024 * 1024;

const slowAlert = 'ZastavaRuntimeBackendLatencyHigh';

export function scannerIncidents({ walk, alerts }: Incident): void {
  const ask = (everyMs: number): AdmissionLoad => new AdmissionLoad(walk().stage, 'payments', () => walk().podToAskAbout(), everyMs);

  long('4.2: Scanner slow: the alert on P95 above 750 ms fires, nobody is refused, and it ends when Scanner is quick again', async () => {
    const { stage } = walk();
    stage.setPolicy({ ...sitePolicy, delayMs: 900 });
    const slow = ask(500);
    // Above the limit for five minutes on end, after what was quick before has left the window.
    await alerts.begins(slowAlert, 720).finally(() => slow.end());
    stage.setPolicy(sitePolicy);
    const quick = ask(0);
    await alerts.ends(slowAlert, 420).finally(() => quick.end());
    expect([...slow.failures, ...quick.failures]).toEqual([]);
  }, 1_200_000);

  test('4.2: Scanner dead: events wait on disk, and all of them are there when it is back', async () => {
    const { stage } = walk();
    const gaps = stage.journal('gaps').length;
    stage.setPolicy({ ...sitePolicy, fault: 'dead' });
    await startPods(walk(), 'while-dead', 20, 1, ['/usr/bin/sleep', '1000000']);
    await eventsWait(walk());
    expect(await walk().operator.try(askForHealth)).toMatchObject({ code: 22, stderr: expect.stringContaining('503') });
    stage.setPolicy(sitePolicy);
    expect(await walk().operator.sh(askForHealth)).toBe('ready\n');
    expect(await everythingKnown(walk(), unasked)).toBe(20);
    expect(stage.journal('gaps')).toHaveLength(gaps);
  }, 600_000);

  long('4.2, 4.5: the buffer full: the oldest go, `buffer.drops` says so, the alert fires, and Scanner is told how many it misses', async () => {
    const { stage, operator } = walk();
    const restart = async (limits: object): Promise<void> => {
      walk().observer = { limits };
      await settle(walk(), {});
    };
    try {
      await restart({ bufferBytesMax: bufferBytesMin });
      const before = stage.journal('gaps').length;
      stage.setPolicy({ ...sitePolicy, fault: 'dead' });
      // Of long command lines, so that some hundred starts fill it.
      await startPods(walk(), 'many', 12, 24, ['/usr/bin/true', ...Array.from({ length: 8 }, () => 'x'.repeat(1000))]);
      await alerts.begins('ZastavaRuntimeBufferDrops', 180);
      expect(await operator.sh('kubectl -n stellaops logs -l app=zastava-observer --since=1h --tail=-1 --prefix | grep buffer.drops')).toContain('"reason":"bufferFull"');
      expect(await walk().ask('max(max_over_time(zastava_runtime_buffer_bytes[2m]) / zastava_runtime_buffer_max_bytes)')).toBeGreaterThan(0.8);
      stage.setPolicy(sitePolicy);
      await nothingWaits(walk());
      const dropped = await walk().ask('sum(zastava_runtime_buffer_drops_total{reason="bufferFull"})');
      const declared = stage.journal<Gap>('gaps').slice(before).filter(({ reason }) => reason === 'bufferFull');
      expect(dropped).toBeGreaterThan(0);
      expect(declared.reduce((sum, { count }) => sum + count, 0)).toBe(dropped);
      const { ran, declared: missed } = await everythingAccounted(walk(), unasked, before);
      expect(ran).toBe(12 * 24);
      expect(missed).toBeGreaterThan(0);
      expect(missed).toBeLessThan(ran);
    } finally {
      await restart({});
    }
  }, 900_000);
}
