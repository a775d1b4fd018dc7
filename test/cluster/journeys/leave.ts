/** Runbook 2.4: the plane goes, and nothing of it stays in the cluster. */
import { expect, test } from 'vitest';
import type { Walk } from './walk.ts';

export function leave(walk: () => Walk): void {
  test('2.4: the registration goes first, then the rest; the cluster admits Pods all the while', async () => {
    const since = Date.now();
    const { stage, operator, workloads } = walk();
    await operator.sh('kubectl delete validatingwebhookconfiguration zastava-webhook zastava-webhook-failopen --ignore-not-found');
    expect(await walk().create(walk().pod('while-leaving', 'payments', workloads.unsigned))).toMatchObject({ code: 0, stderr: '' });
    await operator.sh('kubectl delete -k site/manifests --ignore-not-found --timeout=120s');
    for (const kind of ['all', 'configmap', 'clusterrole', 'clusterrolebinding', 'validatingwebhookconfiguration', 'networkpolicy', 'serviceaccount', 'secret']) {
      expect(await stage.kubectl('get', kind, '-A', '-l', 'app.kubernetes.io/part-of=zastava-runtime', '-o', 'name'), kind).toBe('');
    }
    expect(await stage.tryKubectl('get', 'namespace', 'stellaops')).toMatchObject({ code: 1, stderr: expect.stringContaining('NotFound') });
    expect(await walk().create(walk().pod('after-leaving', 'payments', workloads.unsigned))).toMatchObject({ code: 0, stderr: '' });
    walk().count('leave', '2.4', since, 'nothing left in the cluster');
  });
}
