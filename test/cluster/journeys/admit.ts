/** Runbook 2.2.4, 4.3 and Appendix B: from audit over warn to enforce; and a cluster that starts with the webhook in place. */
import { describe, expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { dashboardAnswers } from './dashboard.ts';
import { settle } from './installation.ts';
import { tags } from './tags.ts';
import { sitePolicy, type Walk } from './walk.ts';

interface Decision {
  readonly decision?: string;
  readonly mode?: string;
  readonly namespace?: string;
}

export function admit(walk: () => Walk): void {
  let since = 0;

  const decisions = async (): Promise<Decision[]> => (await walk().stage.kubectl('-n', 'stellaops', 'logs', '-l', 'app=zastava-webhook', '--tail=-1'))
    .split('\n').filter((line) => line.includes('"decision"')).map((line) => JSON.parse(line) as Decision).filter(({ mode }) => mode !== undefined);

  test('audit: an unsigned image is admitted, and the record says what enforcing would do', async () => {
    since = Date.now();
    const { stage, workloads } = walk();
    stage.setPolicy(sitePolicy);
    expect(await walk().create(walk().pod('audited', 'payments', workloads.unsigned))).toMatchObject({ code: 0, stderr: '' });
    await eventually(async () => expect(await decisions()).toContainEqual(expect.objectContaining({ decision: 'allow', mode: 'audited', namespace: 'payments' })));
  });

  test('warn: it is admitted, and whoever made it is told why', async () => {
    await settle(walk(), { enforcement: { default: 'warn' } });
    const { code, stderr } = await walk().create(walk().pod('warned', 'payments', walk().workloads.unsigned));
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('image.unsigned') });
  });

  test('enforce: unsigned is denied with a reason, signed is allowed and runs', async () => {
    await settle(walk(), {});
    const { code, stderr } = await walk().create(walk().pod('denied', 'payments', walk().workloads.unsigned));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/Pod payments\/denied: .*apps\/unsigned.*the runtime policy refuses it \(image\.unsigned\).*Do: /s) });
    expect(await walk().create(walk().pod('allowed', 'payments', walk().workloads.payments))).toMatchObject({ code: 0, stderr: '' });
    await walk().stage.kubectl('-n', 'payments', 'wait', '--for=condition=Ready', 'pod/allowed', '--timeout=60s');
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
    const namespaces = ['stellaops', 'scanner', 'authority', 'kube-system', 'registry'];
    // Here the registry is beside the cluster; at other sites it is in it.
    await walk().stage.kubectl('create', 'namespace', 'registry');
    for (const namespace of namespaces) {
      const created = await walk().create(walk().pod('never-asked', namespace, walk().workloads.unsigned));
      expect(created, namespace).toMatchObject({ code: 0 });
      await walk().stage.kubectl('-n', namespace, 'delete', 'pod', 'never-asked', '--wait=false');
    }
    expect((await decisions()).filter(({ namespace }) => namespaces.includes(namespace ?? ''))).toEqual([]);
  });

  tags(walk);

  describe('Scanner dead', () => {
    test('a namespace that fails open admits; one that does not denies, and so does one whose time is over', async () => {
      const { stage, workloads } = walk();
      const inHours = (hours: number): string => new Date(Date.now() + hours * 3600_000).toISOString();
      await stage.kubectl('create', 'namespace', 'lapsed');
      await settle(walk(), { failOpenNamespaces: [{ name: 'batch', until: inHours(1) }, { name: 'lapsed', until: inHours(-1) }] });
      stage.setPolicy({ ...sitePolicy, fault: 'dead' });
      try {
        expect(await walk().create(walk().pod('open', 'batch', workloads.payments))).toMatchObject({ code: 0 });
        for (const [name, namespace] of [['closed', 'payments'], ['over', 'lapsed']] as const) {
          expect(await walk().create(walk().pod(name, namespace, workloads.payments)), name).toMatchObject({ code: 1, stderr: expect.stringContaining('no verdict') });
        }
        await eventually(async () => expect(await decisions()).toContainEqual(expect.objectContaining({ decision: 'allow', mode: 'failOpen', namespace: 'batch' })));
        for (const name of ['ZastavaAdmissionFailOpenInUse', 'ZastavaAdmissionFailOpenExpired']) {
          await eventually(async () => expect(await walk().ask(`count(ALERTS{alertname="${name}", alertstate="firing"})`), name).toBeGreaterThan(0));
        }
      } finally {
        stage.setPolicy(sitePolicy);
      }
    });
  });

  dashboardAnswers(walk);

  test('everything stopped, and started with the webhook in place: the cluster comes back by itself', async () => {
    const { stage } = walk();
    await stage.powerOff();
    await stage.boot();
    // Not only restarted: each is made anew, the webhook first: so the others have to be admitted while none can answer.
    const remake = (namespace: string): Promise<string> => stage.kubectl('-n', namespace, 'delete', 'pods', '--all', '--force', '--grace-period=0');
    await remake('stellaops');
    await Promise.all(['kube-system', 'authority', 'scanner'].map(remake));
    for (const [namespace, name] of [['kube-system', 'coredns'], ['authority', 'authority'], ['scanner', 'scanner-web'], ['stellaops', 'zastava-webhook']] as const) {
      await stage.kubectl('-n', namespace, 'rollout', 'status', `deploy/${name}`, '--timeout=240s');
    }
    await eventually(async () => expect(await walk().create(walk().pod('after', 'payments', walk().workloads.payments))).toMatchObject({ code: 0 }), 240);
    // Another replica than the one that answered may have no token yet.
    await eventually(async () => expect(await walk().create(walk().pod('after-denied', 'payments', walk().workloads.unsigned))).toMatchObject({ code: 1, stderr: expect.stringContaining('image.unsigned') }));
    walk().count('admit', '2.2.4, 4.3', since, `${(await decisions()).length} decisions in the logs since the reboot`);
  }, 600_000);
}
