/** Runbook 2.1, step 5, by a real Argo CD: from Git, from an artifact of the manifests, and from the chart; taken back, followed, left. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArgoCd } from '../../peers/harness/argo-cd.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { makeSecrets, oldPodsGone, writeValues } from './installation.ts';
import { takeAway } from './leave.ts';
import { printed } from './printed.ts';
import { runbook } from './runbook.ts';
import { smokeTest, verifyInstall } from './verification.ts';
import { sitePolicy, type Walk } from './walk.ts';

const application = 'zastava-runtime-stage';

/** File of gitops/argocd → brings what was synthesized to where Argo CD takes it from; gives what is changed in the file, for sed. */
const sources: Readonly<Record<string, (walk: Walk, tag: string) => Promise<string>>> = {
  'manifests-git.yaml': async ({ operator }) => {
    await operator.sh(runbook.commitManifests);
    return `s#https://git.internal/platform/clusters.git#file://${join(operator.folder, 'clusters.git')}#`;
  },
  'manifests-oci.yaml': async ({ operator }, tag) => {
    await operator.sh(runbook.pushManifests(tag));
    return `s#targetRevision: .*#targetRevision: ${tag}#`;
  },
  'chart-oci.yaml': async () => '',
};

export function argoCd(walk: () => Walk): void {
  let argo: ArgoCd;
  let since = 0;
  let ttl = 5;

  beforeAll(async () => {
    since = Date.now();
    const { stage, operator } = walk();
    stage.setPolicy(sitePolicy);
    await makeSecrets(walk());
    const cluster = { folder: stage.folder.dir('argo-cd'), kubeconfig: stage.folder.at('kubernetes/admin.kubeconfig'), kubectl: (...args: string[]) => stage.kubectl(...args) };
    argo = await ArgoCd.start(cluster, cluster.folder, { inside: (...command) => stage.room.inside(...command), env: { SSL_CERT_FILE: join(operator.folder, 'site-ca.crt') } });
  });
  afterAll(async () => {
    await argo?.stop();
    await walk().stage.kubectl('delete', 'namespace', 'argocd', '--ignore-not-found', '--timeout=60s');
    await walk().stage.kubectl('delete', 'crd', '-l', 'app.kubernetes.io/part-of=argocd');
  });

  /** Delivers values that differ from those before; comes back when they are in the cluster, and all is Synced and Healthy. */
  async function deliver(file: string): Promise<void> {
    ttl++;
    await writeValues(walk(), { cacheTtlSeconds: ttl });
    await walk().operator.sh(runbook.synth);
    const change = await sources[file]!(walk(), `stage-${ttl}`);
    await walk().operator.sh(`sed '${change}' site/gitops/argocd/${file} | kubectl apply --server-side -f -`);
    await argo.refresh(application);
    await eventually(async () => {
      const values = JSON.parse(await walk().stage.kubectl('-n', 'stellaops', 'get', 'configmap', 'zastava-webhook', '-o', 'jsonpath={.data.values\\.json}')) as { zastava: { webhook: { cacheTtlSeconds: number } } };
      expect(values.zastava.webhook.cacheTtlSeconds, JSON.stringify((await argo.read(application)).status)).toBe(ttl);
    }, 240);
    await healthy();
  }

  const healthy = () => argo.synced(application, ({ status }) => status?.health?.status === 'Healthy');

  describe.each(Object.keys(sources))('%s', (file) => {
    test('2.1.5: is Synced and Healthy, verified, and enforces', async () => {
      await deliver(file);
      await verifyInstall(walk());
      await oldPodsGone(walk());
      await smokeTest(walk());
    }, 600_000);

    test('2.1.7: what somebody changes or deletes comes back', async () => {
      const { stage } = walk();
      const uid = (): Promise<string> => stage.kubectl('get', 'validatingwebhookconfiguration', 'zastava-webhook', '-o', 'jsonpath={.metadata.uid}');
      const before = await uid();
      await stage.kubectl('-n', 'stellaops', 'scale', 'deployment', 'zastava-webhook', '--replicas=1');
      await stage.kubectl('delete', 'validatingwebhookconfiguration', 'zastava-webhook');
      await eventually(async () => {
        expect(await stage.kubectl('-n', 'stellaops', 'get', 'deployment', 'zastava-webhook', '-o', 'jsonpath={.spec.replicas}')).toBe('3');
        expect(await uid()).not.toBe(before);
      }, 240);
      await healthy();
    }, 600_000);

    test('2.2.3: a change of values is followed', () => deliver(file), 600_000);
  });

  test('2.4: the Application takes all with it', async () => {
    const [, , namespace = '', requests = ''] = printed('### 2.4 Leaving');
    const [all = '', leaveIt = ''] = printed('With Argo CD, its Application', { NAME: application });
    await walk().operator.sh(all);
    await takeAway(walk(), [leaveIt, namespace, requests]);
    walk().count('install by Argo CD, and leave', '2.1.5, 2.4', since, `${Object.keys(sources).length} sources, each Synced and Healthy, self-healed and upgraded`);
  }, 600_000);
}
