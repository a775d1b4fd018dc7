/** Runbook 2.2 and 2.3: a change is rolled out and taken back while Pods are admitted without pause. */
import { expect, test } from 'vitest';
import type { RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { applyValues } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

export function upgrade(walk: () => Walk): void {
  test('2.2, 2.3: every Pod of the plane is replaced and replaced back; no request fails, P95 stays below 250 ms, tokens are invalidated', async () => {
    const since = Date.now();
    const { stage, operator, workloads } = walk();
    const load = new AdmissionLoad(stage, 'payments', walk().pod('asked', 'payments', workloads.payments), 50);
    const names = (): Promise<string> => stage.kubectl('-n', 'stellaops', 'get', 'pods', '-o', 'name');
    const before = await names();
    for (const [at, webhook] of [{ cacheTtlSeconds: 7 }, { cacheTtlSeconds: 5 }].entries()) {
      await applyValues(walk(), webhook);
      await walk().create(walk().pod(`churn-${at}`, 'payments', workloads.payments, { command: ['/usr/bin/true'] }));
      for (const command of runbook.rolledOut) await operator.sh(command);
    }
    for (const program of ['webhook', 'observer']) {
      const said = await operator.sh(`for pod in $(kubectl -n stellaops get pods -l app=zastava-${program} --field-selector=status.phase=Running -o name); do kubectl -n stellaops exec $pod -- zastava-${program} invalidate-op-token --audience scanner; done`);
      expect(said.trim(), program).not.toBe('');
    }
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await load.end();
    expect(load.failures).toEqual([]);
    expect((await names()).split('\n').filter((name) => before.includes(name) && name.includes('webhook'))).toEqual([]);
    // The runbook's P95, over the time of the load alone.
    const p95 = await walk().ask(`histogram_quantile(0.95, sum by (le) (rate(zastava_runtime_backend_latency_ms_bucket[${Math.ceil((Date.now() - since) / 1000)}s])))`);
    expect(p95).toBeLessThan(250);
    await eventually(async () => expect(stage.journal<RuntimeEvent>('events').map(({ workload }) => workload.pod)).toEqual(expect.arrayContaining(['churn-0', 'churn-1'])));
    walk().count('upgrade and rollback', '2.2, 2.3', since, `${load.asked} requests, 0 failed, P95 ${p95?.toFixed(0)} ms`);
  }, 600_000);
}
