/** Runbook 2.2.4, 4.3 and Appendix B: from audit over warn to enforce; and a cluster that starts with the webhook in place. */
import { describe, expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { applyValues, oldPodsGone } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

const policy = {
  revision: 'rev-2', ttlSeconds: 5, otherwise: { policyVerdict: 'pass', signed: true },
  rules: [{ image: 'apps/unsigned', policyVerdict: 'fail', signed: false, reasons: ['image.unsigned'] }],
};

interface Decision {
  readonly decision?: string;
  readonly mode?: string;
  readonly namespace?: string;
}

export function admit(walk: () => Walk): void {
  let since = 0;

  /** New values, and every webhook Pod has them. */
  async function settle(webhook: object): Promise<void> {
    await applyValues(walk(), { cacheTtlSeconds: 5, ...webhook });
    await walk().operator.sh(runbook.rolledOut[0]);
    await oldPodsGone(walk());
  }

  const decisions = async (): Promise<Decision[]> => (await walk().stage.kubectl('-n', 'stellaops', 'logs', '-l', 'app=zastava-webhook', '--tail=-1'))
    .split('\n').filter((line) => line.includes('"decision"')).map((line) => JSON.parse(line) as Decision);

  test('audit: an unsigned image is admitted, and the record says what enforcing would do', async () => {
    since = Date.now();
    const { stage, workloads } = walk();
    stage.setPolicy(policy);
    expect(await walk().create(walk().pod('audited', 'payments', workloads.unsigned))).toMatchObject({ code: 0, stderr: '' });
    await eventually(async () => expect(await decisions()).toContainEqual(expect.objectContaining({ decision: 'allow', mode: 'audited', namespace: 'payments' })));
  });

  test('warn: it is admitted, and whoever made it is told why', async () => {
    await settle({ enforcement: { default: 'warn' } });
    const { code, stderr } = await walk().create(walk().pod('warned', 'payments', walk().workloads.unsigned));
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('image.unsigned') });
  });

  test('enforce: unsigned is denied with a reason, signed is allowed and runs', async () => {
    await settle({});
    const { code, stderr } = await walk().create(walk().pod('denied', 'payments', walk().workloads.unsigned));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/denied.*image\.unsigned/s) });
    expect(await walk().create(walk().pod('allowed', 'payments', walk().workloads.payments))).toMatchObject({ code: 0, stderr: '' });
    await walk().stage.kubectl('-n', 'payments', 'wait', '--for=condition=Ready', 'pod/allowed', '--timeout=60s');
    walk().count('kit to first enforced decision', '1 to 2.2', walk().began, `${walk().operator.commands.length} commands`);
  });

  test('an unsigned image volume and an unsigned ephemeral container are denied, too', async () => {
    const { stage, workloads } = walk();
    const pod = walk().pod('volume', 'payments', workloads.payments) as { spec: object };
    const { stderr } = await walk().create({ ...pod, spec: { ...pod.spec, volumes: [{ name: 'data', image: { reference: workloads.unsigned } }] } });
    expect(stderr).toMatch(/denied.*image\.unsigned/s);
    const debug = await stage.tryKubectl('-n', 'payments', 'debug', 'allowed', `--image=${workloads.unsigned}`, '--', 'sleep', '1');
    expect(debug).toMatchObject({ code: 1, stderr: expect.stringContaining('image.unsigned') });
  });

  test("the plane's own, the site's and the cluster's namespaces are never asked about", async () => {
    for (const namespace of ['stellaops', 'scanner', 'authority', 'kube-system']) {
      const created = await walk().create(walk().pod('never-asked', namespace, walk().workloads.unsigned));
      expect(created, namespace).toMatchObject({ code: 0 });
      await walk().stage.kubectl('-n', namespace, 'delete', 'pod', 'never-asked', '--wait=false');
    }
  });

  describe('Scanner dead', () => {
    test('a namespace that fails open admits, and one that does not denies', async () => {
      const { stage, workloads } = walk();
      await settle({ failOpenNamespaces: [{ name: 'batch', until: new Date(Date.now() + 3600_000).toISOString() }] });
      stage.setPolicy({ ...policy, fault: 'dead' });
      expect(await walk().create(walk().pod('open', 'batch', workloads.payments))).toMatchObject({ code: 0 });
      expect(await walk().create(walk().pod('closed', 'payments', workloads.payments))).toMatchObject({ code: 1 });
      await eventually(async () => expect(await decisions()).toContainEqual(expect.objectContaining({ decision: 'allow', mode: 'failOpen', namespace: 'batch' })));
      stage.setPolicy(policy);
    });
  });

  test('everything stopped, and started with the webhook in place: the cluster comes back by itself', async () => {
    const { stage } = walk();
    await stage.powerOff();
    await stage.boot();
    // Not only restarted: each is made anew, and so has to be admitted while no webhook can answer.
    for (const namespace of ['kube-system', 'authority', 'scanner', 'stellaops']) await stage.kubectl('-n', namespace, 'delete', 'pods', '--all', '--force', '--grace-period=0');
    for (const [namespace, name] of [['kube-system', 'coredns'], ['authority', 'authority'], ['scanner', 'scanner-web'], ['stellaops', 'zastava-webhook']] as const) {
      await stage.kubectl('-n', namespace, 'rollout', 'status', `deploy/${name}`, '--timeout=240s');
    }
    await eventually(async () => expect(await walk().create(walk().pod('after', 'payments', walk().workloads.payments))).toMatchObject({ code: 0 }), 240);
    expect(await walk().create(walk().pod('after-denied', 'payments', walk().workloads.unsigned))).toMatchObject({ code: 1 });
    walk().count('admit', '2.2.4, 4.3', since, `${(await decisions()).length} decisions in the logs since the reboot`);
  }, 600_000);
}
