/** What a user of a guarded cluster sees: Pods that are admitted, denied, warned of; and what the cluster's own records say of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RuntimeProgram } from '../fakes/runtime-program.ts';
import { eventually } from './harness/commands.ts';
import { GuardedCluster } from './harness/guarded-cluster.ts';
import type { ApiAnswer } from './harness/kube-apiserver.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const signed = `registry.internal/signed@${digest('a')}`;
const unsigned = `registry.internal/unsigned@${digest('b')}`;
const namespaces = ['strict', 'warned', 'audited', 'open'];

const pod = (name: string, image: string, spec: object = {}): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'a', image }], ...spec } });

const valuesOf = (caBundle: string, tls: object = {}): object => ({
  tls: { caBundle, ...tls }, tagPolicy: 'deny', enforcement: { namespaces: { warned: 'warn', audited: 'audit' } }, failOpenNamespaces: [{ name: 'open' }],
});

describeWith(['root', 'setpriv', 'etcd', 'kube-apiserver', 'kubectl'], 'a real API server', () => {
  const folder = scratch('admission');
  let cluster: GuardedCluster;
  let webhook: RuntimeProgram;

  beforeAll(async () => {
    cluster = await GuardedCluster.start(folder, valuesOf);
    const { scanner } = cluster.backends;
    scanner.options = { ...scanner.options, judge: (image) => (image.includes('unsigned') ? { policyVerdict: 'fail', reasons: ['image is not signed'] } : { policyVerdict: 'pass' }) };
    for (const name of namespaces) await cluster.api.kubectl('create', 'namespace', name);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  /** Of the audit events for a Pod, without the name of the webhook before each key. */
  const auditOf = (name: string): Record<string, string> => {
    const annotations = cluster.api.auditOf(name).flatMap((event) => Object.entries(event.annotations ?? {}));
    return Object.fromEntries(annotations.map(([key, value]) => [key.replace(/^pods(-failopen)?\.zastava-webhook\.stellaops\//, ''), value]));
  };

  test('accepts every manifest, and again without a change', async () => {
    expect(await cluster.apply(valuesOf(cluster.backends.pki.ca))).toMatch(/daemonset\.apps\/zastava-observer serverside-applied/);
    expect(await cluster.api.tryKubectl('diff', '--server-side', '-k', cluster.manifests)).toMatchObject({ code: 0, stdout: '' });
  });

  test('the webhook finds that its registration fits its values', async () => {
    webhook = await cluster.startWebhook();
    await cluster.serve(webhook);
    expect(await webhook.eventually(({ scope }) => scope === 'admission.registration')).toMatchObject({ msg: 'the registration of this webhook fits its values' });
  });

  describe('asks the webhook', () => {
    test('a signed Pod is allowed, and the audit log says by what', async () => {
      expect((await cluster.create('strict', pod('signed', signed))).status).toBe(201);
      await eventually(async () => expect(auditOf('signed')).toMatchObject({ 'decision': 'allow', 'mode': 'enforced', 'reason': 'policy.pass', 'policy-revision': 'rev-1', 'images': signed }));
    });

    test('an unsigned one is denied, in words, and in the audit log', async () => {
      const { code, stderr } = await cluster.api.tryKubectl('run', 'unsigned', '--image', unsigned, '-n', 'strict');
      expect(code).not.toBe(0);
      expect(stderr).toContain('admission webhook "pods.zastava-webhook.stellaops" denied the request');
      expect(stderr).toContain('image is not signed');
      await eventually(async () => expect(auditOf('unsigned')).toMatchObject({ decision: 'deny', mode: 'enforced', reason: 'policy.fail', images: unsigned }));
    });

    test('a tag, an image volume and an init container are judged', async () => {
      expect((await cluster.create('strict', pod('tag', 'registry.internal/signed:1'))).body.message).toContain('digest');
      expect((await cluster.create('strict', pod('volume', signed, { volumes: [{ name: 'm', image: { reference: unsigned } }] }))).body.message).toContain('spec.volumes[0].image.reference');
      expect((await cluster.create('strict', pod('init', signed, { initContainers: [{ name: 'i', image: unsigned }] }))).status).toBe(403);
    });

    test('an ephemeral container is judged', async () => {
      const debug = (image: string): Promise<ApiAnswer> =>
        cluster.api.call('PATCH', '/api/v1/namespaces/strict/pods/signed/ephemeralcontainers', { spec: { ephemeralContainers: [{ name: 'debug', image }] } }, { type: 'application/strategic-merge-patch+json' });
      expect((await debug(unsigned)).body.message).toContain('image is not signed');
      expect((await debug(signed)).status).toBe(200);
    });

    test('an update that changes no image is allowed without a question', async () => {
      const { questions } = cluster.backends.scanner;
      const asked = questions.length;
      const patch = await cluster.api.call('PATCH', '/api/v1/namespaces/strict/pods/signed', { metadata: { labels: { touched: 'yes' } } }, { type: 'application/merge-patch+json' });
      expect([patch.status, questions.length]).toEqual([200, asked]);
    });

    test('a dry run is judged, and neither kept nor counted', async () => {
      const telemetry = `http://127.0.0.1:${await webhook.port('telemetry')}/metrics`;
      const counted = async (): Promise<string[]> => (await (await fetch(telemetry)).text()).split('\n').filter((line) => line.startsWith('zastava_admission_decisions_total'));
      const before = await counted();
      expect(before).not.toEqual([]);
      expect((await cluster.create('strict', pod('dry', unsigned), '?dryRun=All')).status).toBe(403);
      expect((await cluster.create('strict', pod('dry', signed), '?dryRun=All')).status).toBe(201);
      expect(await counted()).toEqual(before);
      expect((await cluster.api.call('GET', '/api/v1/namespaces/strict/pods/dry')).status).toBe(404);
    });

    test('a namespace that warns is allowed with a warning that the user sees; one that audits without', async () => {
      const warned = await cluster.api.tryKubectl('run', 'warned', '--image', unsigned, '-n', 'warned');
      expect([warned.code, warned.stderr]).toEqual([0, expect.stringMatching(/Warning: .*image is not signed/s)]);
      const audited = await cluster.create('audited', pod('audited', unsigned));
      expect([audited.status, audited.warnings]).toEqual([201, []]);
      expect(await webhook.eventually((line) => line['namespace'] === 'audited' && line['decision'] !== undefined)).toMatchObject({ decision: 'allow', mode: 'audited', reason: 'policy.fail' });
      await eventually(async () => expect([auditOf('warned'), auditOf('audited')]).toMatchObject([{ decision: 'allow', mode: 'warned', reason: 'policy.fail' }, { decision: 'allow', mode: 'audited', reason: 'policy.fail' }]));
    });

    test('Scanner down: denied where it is enforced, allowed where it fails open, and policy is not bypassed there', async () => {
      const { scanner } = cluster.backends;
      const { options } = scanner;
      expect((await cluster.create('open', pod('refused', unsigned))).status).toBe(403);
      scanner.options = { ...options, answer: () => ({ status: 503 }) };
      const other = `registry.internal/other@${digest('c')}`;
      const denied = await cluster.create('strict', pod('down', other));
      expect([denied.status, denied.body.message]).toEqual([503, expect.stringContaining('Scanner')]);
      expect((await cluster.create('open', pod('passed', other))).status).toBe(201);
      await eventually(async () => expect(auditOf('passed')).toMatchObject({ decision: 'allow', mode: 'failOpen' }));
      scanner.options = options;
    });

    test('no webhook: the failurePolicy of each namespace decides', async () => {
      webhook.signal('SIGKILL');
      await webhook.exit();
      const failed = await cluster.create('strict', pod('nobody', signed));
      expect([failed.status, failed.body.message]).toEqual([500, expect.stringContaining('failed calling webhook "pods.zastava-webhook.stellaops"')]);
      expect((await cluster.create('open', pod('nobody', signed))).status).toBe(201);
    });
  });

  describe.each([true, false])('signs the serving certificate, with autoApprove %s', (autoApprove) => {
    const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

    /** The site's signer: signs what was approved. */
    const sign = async (name: string): Promise<void> => {
      const { body } = await cluster.api.call('GET', `${requests}/${name}`);
      const { spec, status } = body as unknown as { spec: { request: string }; status: { conditions: { type: string }[] } };
      expect(status.conditions).toMatchObject([{ type: 'Approved' }]);
      const certificate = await cluster.backends.pki.signRequest(Buffer.from(spec.request, 'base64').toString());
      const answer = await cluster.api.call('PUT', `${requests}/${name}/status`, { ...body, status: { ...status, certificate: Buffer.from(certificate).toString('base64') } });
      expect(answer.status, answer.body.message).toBe(200);
    };

    test('for a key that never left the webhook, which then serves with it', async () => {
      await cluster.apply(valuesOf(cluster.backends.pki.ca, { mode: 'csr', signerName: 'example.com/webhooks', autoApprove }));
      const own = await cluster.startWebhook();
      const line = await own.eventually(({ msg }) => String(msg).startsWith('certificate requested'));
      expect((await fetch(`http://127.0.0.1:${await own.port('telemetry')}/readyz`)).status).toBe(503);
      const name = String(line['request']);
      if (!autoApprove) await cluster.api.kubectl('certificate', 'approve', name);
      await sign(name);
      await cluster.serve(own);
      expect((await cluster.create('strict', pod(`by-csr-${autoApprove}`, signed))).status).toBe(201);
      expect((await cluster.create('strict', pod(`by-csr-${autoApprove}-too`, unsigned))).status).toBe(403);
      own.signal('SIGTERM');
      expect(await own.exit()).toBe(0);
    });
  });
});
