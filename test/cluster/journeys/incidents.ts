/** Runbook 4: what goes wrong, what says so, and that it ends by itself or by what the runbook prints; after each, nothing waits and no alert fires. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { Gap } from '../../../src/contract/runtime-event.ts';
import { Alerts } from './alerts.ts';
import { authorityIncidents } from './incident-authority.ts';
import { certificateIncidents } from './incident-certificate.ts';
import { nodeIncidents } from './incident-node.ts';
import { scannerIncidents } from './incident-scanner.ts';
import { long, nothingWaits } from './incident-setting.ts';
import { settle } from './installation.ts';
import { sitePolicy, type Walk } from './walk.ts';

export function incidents(walk: () => Walk): void {
  let since = 0;
  const alerts = new Alerts(walk);

  beforeAll(async () => {
    since = Date.now();
    await settle(walk(), {});
  }, 300_000);
  // Whatever an incident that failed left in force.
  beforeEach(() => walk().stage.setPolicy(sitePolicy));

  afterEach(async () => {
    await nothingWaits(walk());
    await alerts.allEnd(600);
  }, 900_000);

  afterAll(() => {
    const { stage } = walk();
    const gaps = stage.journal<Gap>('gaps');
    walk().count('incidents', '4.1 to 4.5', since, `${alerts.fired.size} alerts fired and ended (${[...alerts.fired].join(', ')}), ${stage.journal('events').length} events, ${gaps.length} gaps (${[...new Set(gaps.map(({ reason }) => reason))].join(', ')})`);
  });

  long('4.3: a deny storm: the alert fires, the printed command shows what is denied, and `warn` relieves', async () => {
    const storm = { apiVersion: 'v1', kind: 'List', items: Array.from({ length: 90 }, (_, at) => walk().pod(`storm-${at}`, 'payments', walk().workloads.unsigned)) };
    await walk().create(storm);
    await alerts.begins('ZastavaAdmissionDenySpike', 90);
    const sample = await walk().operator.sh("kubectl -n stellaops logs -l app=zastava-webhook --since=10m --tail=-1 | jq -c 'select(.decision == \"deny\") | {namespace, images}'");
    expect(sample.trim().split('\n').map((line) => (JSON.parse(line) as { namespace: string }).namespace)).toContain('payments');
    await settle(walk(), { enforcement: { namespaces: { payments: 'warn' } } });
    expect(await walk().create(walk().pod('relieved', 'payments', walk().workloads.unsigned))).toMatchObject({ code: 0, stderr: expect.stringContaining('image.unsigned') });
    await alerts.ends('ZastavaAdmissionDenySpike', 200);
    await settle(walk(), {});
  }, 600_000);

  authorityIncidents({ walk, alerts });
  certificateIncidents({ walk, alerts });
  nodeIncidents({ walk, alerts });
  scannerIncidents({ walk, alerts });
}
