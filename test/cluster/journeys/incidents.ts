/** Runbook 4: what goes wrong, what says so, and that it ends by itself or by what the runbook prints. */
import { expect, test } from 'vitest';
import type { RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { ctr } from '../stage/node.ts';
import { applyValues, oldPodsGone } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

const policy = {
  revision: 'rev-3', ttlSeconds: 5, otherwise: { policyVerdict: 'pass', signed: true },
  rules: [{ image: 'apps/unsigned', policyVerdict: 'fail', signed: false, reasons: ['image.unsigned'] }],
};

export function incidents(walk: () => Walk): void {
  let since = 0;
  const alerts = new Set<string>();

  /** Waits until the alert fires, or until it does not. */
  const alert = (name: string, fires: boolean, seconds: number): Promise<void> => eventually(async () => {
    const firing = await walk().ask(`count(ALERTS{alertname="${name}", alertstate="firing"})`);
    if (firing !== undefined) alerts.add(name);
    if ((firing !== undefined) !== fires) throw new Error(`${name} ${fires ? 'does not fire' : 'still fires'}`);
  }, seconds);

  test('4.3: a deny storm: the alert fires, the printed command shows what is denied, and `warn` relieves', async () => {
    since = Date.now();
    walk().stage.setPolicy(policy);
    const storm = { apiVersion: 'v1', kind: 'List', items: Array.from({ length: 90 }, (_, at) => walk().pod(`storm-${at}`, 'payments', walk().workloads.unsigned)) };
    await walk().create(storm);
    await alert('ZastavaAdmissionDenySpike', true, 90);
    const sample = await walk().operator.sh("kubectl -n stellaops logs -l app=zastava-webhook --since=10m --tail=-1 | jq -c 'select(.decision == \"deny\") | {namespace, images}'");
    expect(sample.trim().split('\n').map((line) => (JSON.parse(line) as { namespace: string }).namespace)).toContain('payments');
    await applyValues(walk(), { cacheTtlSeconds: 5, failOpenNamespaces: [{ name: 'batch' }], enforcement: { namespaces: { payments: 'warn' } } });
    await walk().operator.sh(runbook.rolledOut[0]);
    await oldPodsGone(walk());
    expect(await walk().create(walk().pod('relieved', 'payments', walk().workloads.unsigned))).toMatchObject({ code: 0, stderr: expect.stringContaining('image.unsigned') });
    await alert('ZastavaAdmissionDenySpike', false, 200);
  }, 600_000);

  test('4.1: Authority offline: the alert fires, and everything recovers without a restart', async () => {
    const { stage } = walk();
    const restarts = (): Promise<string> => stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', 'app.kubernetes.io/part-of=zastava-runtime', '-o', 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}{end}');
    const before = await restarts();
    await stage.kubectl('-n', 'authority', 'scale', 'deploy/authority', '--replicas=0');
    await alert('ZastavaAuthorityTokenStale', true, 300);
    const said = await walk().operator.sh("kubectl -n stellaops logs -l 'app in (zastava-observer, zastava-webhook)' --since=15m --tail=-1 | jq -c 'select(.scope == \"authority.token.fallback\" or .scope == \"authority.token.issue\")'");
    expect(said).toContain('no OpTok was issued');
    await stage.kubectl('-n', 'authority', 'scale', 'deploy/authority', '--replicas=1');
    await alert('ZastavaAuthorityTokenStale', false, 180);
    expect(await restarts()).toBe(before);
  }, 600_000);

  test('4.2: Scanner dead: events wait on disk, and all of them are there when it is back', async () => {
    const { stage, workloads } = walk();
    const gaps = stage.journal('gaps').length;
    await applyValues(walk(), { cacheTtlSeconds: 5, failOpenNamespaces: [{ name: 'batch' }] });
    await walk().operator.sh(runbook.rolledOut[0]);
    await oldPodsGone(walk());
    stage.setPolicy({ ...policy, fault: 'dead' });
    // In a namespace that fails open: what starts there does not wait for a verdict.
    const names = Array.from({ length: 20 }, (_, at) => `while-dead-${at}`);
    for (const name of names) expect(await walk().create(walk().pod(name, 'batch', workloads.payments))).toMatchObject({ code: 0 });
    await eventually(async () => {
      const running = (await stage.kubectl('-n', 'batch', 'get', 'pods', '--field-selector=status.phase=Running', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
      expect(names.filter((name) => !running.includes(name))).toEqual([]);
    }, 120);
    await eventually(async () => expect(await walk().ask('sum(zastava_runtime_buffer_bytes)')).toBeGreaterThan(0));
    stage.setPolicy(policy);
    await eventually(async () => {
      const known = new Set(stage.journal<RuntimeEvent>('events').map(({ workload }) => workload.pod));
      expect(names.filter((name) => !known.has(name))).toEqual([]);
    }, 120);
    expect(stage.journal('gaps')).toHaveLength(gaps);
  }, 600_000);

  test('kill -9 of each Pod, and a restart of containerd: all come back, and what starts then is known', async () => {
    const { stage } = walk();
    stage.setPolicy(policy);
    const ids = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].containerID}')).split(' ').map((id) => id.replace('containerd://', ''));
    for (const id of ids) await stage.room.succeed(...ctr('tasks', 'kill', '--signal', 'SIGKILL', id));
    await stage.restartContainerd();
    for (const command of runbook.rolledOut) await walk().operator.sh(command);
    await walk().create(walk().pod('after-the-kill', 'batch', walk().workloads.payments));
    await eventually(async () => expect(stage.journal<RuntimeEvent>('events').map(({ workload }) => workload.pod)).toContain('after-the-kill'), 120);
    await alert('ZastavaRuntimeStreamDown', false, 60);
    walk().count('incidents', '4.1 to 4.3', since, `${alerts.size} alerts fired (${[...alerts].join(', ')}), ${stage.journal('events').length} events, ${stage.journal('gaps').length} gaps`);
  }, 600_000);
}
