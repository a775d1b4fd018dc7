/** Runbook 4: what goes wrong, what says so, and that it ends by itself or by what the runbook prints. */
import { expect, test } from 'vitest';
import type { Gap } from '../../../src/contract/runtime-event.ts';
import { Alerts } from './alerts.ts';
import { certificateIncident } from './incident-certificate.ts';
import { nodeIncidents } from './incident-node.ts';
import { scannerIncidents } from './incident-scanner.ts';
import { nothingWaits, policy } from './incident-setting.ts';
import { applyValues, oldPodsGone } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

export function incidents(walk: () => Walk): void {
  let since = 0;
  const alerts = new Alerts(walk);

  const settle = async (webhook: object): Promise<void> => {
    await applyValues(walk(), { cacheTtlSeconds: 5, ...webhook });
    await walk().operator.sh(runbook.rolledOut[0]);
    await oldPodsGone(walk());
  };

  test('4.3: a deny storm: the alert fires, the printed command shows what is denied, and `warn` relieves', async () => {
    since = Date.now();
    walk().stage.setPolicy(policy);
    const storm = { apiVersion: 'v1', kind: 'List', items: Array.from({ length: 90 }, (_, at) => walk().pod(`storm-${at}`, 'payments', walk().workloads.unsigned)) };
    await walk().create(storm);
    await alerts.begins('ZastavaAdmissionDenySpike', 90);
    const sample = await walk().operator.sh("kubectl -n stellaops logs -l app=zastava-webhook --since=10m --tail=-1 | jq -c 'select(.decision == \"deny\") | {namespace, images}'");
    expect(sample.trim().split('\n').map((line) => (JSON.parse(line) as { namespace: string }).namespace)).toContain('payments');
    await settle({ enforcement: { namespaces: { payments: 'warn' } } });
    expect(await walk().create(walk().pod('relieved', 'payments', walk().workloads.unsigned))).toMatchObject({ code: 0, stderr: expect.stringContaining('image.unsigned') });
    await alerts.ends('ZastavaAdmissionDenySpike', 200);
    await settle({});
  }, 600_000);

  test('4.1: Authority offline: the alert fires, and everything recovers without a restart', async () => {
    const { stage } = walk();
    const restarts = (): Promise<string> => stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app.kubernetes.io/part-of=zastava-runtime', '-o', 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}{end}');
    const before = await restarts();
    await stage.kubectl('-n', 'authority', 'scale', 'deploy/authority', '--replicas=0');
    await alerts.begins('ZastavaAuthorityTokenStale', 300);
    const said = await walk().operator.sh("kubectl -n stellaops logs -l 'app in (zastava-observer, zastava-webhook)' --since=15m --tail=-1 | jq -c 'select(.scope == \"authority.token.fallback\" or .scope == \"authority.token.issue\")'");
    expect(said).toContain('no OpTok was issued');
    await stage.kubectl('-n', 'authority', 'scale', 'deploy/authority', '--replicas=1');
    await alerts.ends('ZastavaAuthorityTokenStale', 180);
    expect(await restarts()).toBe(before);
  }, 600_000);

  certificateIncident({ walk, alerts });
  nodeIncidents({ walk, alerts });
  scannerIncidents({ walk, alerts });

  test('4.4: after all of it no alert fires, and nothing waits to be delivered', async () => {
    const { stage } = walk();
    await nothingWaits(walk());
    await alerts.allEnd(600);
    const gaps = stage.journal<Gap>('gaps');
    walk().count('incidents', '4.1 to 4.5', since, `${alerts.fired.size} alerts fired and ended (${[...alerts.fired].join(', ')}), ${stage.journal('events').length} events, ${gaps.length} gaps (${[...new Set(gaps.map(({ reason }) => reason))].join(', ')})`);
  }, 900_000);
}
