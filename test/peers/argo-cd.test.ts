/**
 * A real Argo CD takes what `npm run synth` leaves in dist/: from Git, from the OCI artifact of the manifests, and from the
 * chart. Synced each time and without a difference, also after somebody changed the cluster and after an upgrade.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Values } from '../../src/config/schema.ts';
import { artifactRepositories } from '../../src/contract/gitops.ts';
import { namespace, objectNames } from '../../src/contract/names.ts';
import { renderGitops } from '../../src/synth/gitops/render-gitops.ts';
import { renderArtifacts } from '../../src/synth/render-artifacts.ts';
import { ArgoCd } from './harness/argo-cd.ts';
import { eventually, succeed } from './harness/commands.ts';
import { KubeApiServer } from './harness/kube-apiserver.ts';
import { runWorkloads } from './harness/nodes.ts';
import { images, pushRelease, sampleValues } from './harness/oci-layout.ts';
import { describeWith, peer } from './harness/peers.ts';
import { registries } from './harness/registries.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';

const name = 'zastava-runtime-cluster-01';

describeWith(['setpriv', 'etcd', 'kube-apiserver', 'kubectl', 'go', 'git', 'argo-cd', 'argo-redis', 'helm3', 'kustomize', 'distribution', 'oras'], 'a real Argo CD', () => {
  const folder = scratch('argocd');
  const repository = join(folder, 'clusters.git');
  let api: KubeApiServer;
  let argo: ArgoCd;
  let registry: Server;
  let workloads: ReturnType<typeof runWorkloads> | undefined;
  /** Version → the site's values. */
  let releases: Record<'1.0.0' | '1.0.1', Values>;

  const git = (...args: string[]): Promise<string> => succeed(peer('git'), ['-C', repository, '-c', 'user.name=site', '-c', 'user.email=site@example.com', ...args]);

  async function commit(values: Values): Promise<void> {
    for (const [path, content] of renderArtifacts(values, images)) {
      const target = join(repository, 'clusters/cluster-01', path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content);
    }
    await git('add', '-A');
    await git('commit', '-q', '-m', 'as synthesized');
  }

  beforeAll(async () => {
    mkdirSync(join(folder, 'registry'));
    mkdirSync(repository);
    [api, registry] = await Promise.all([KubeApiServer.start(folder), registries.distribution(join(folder, 'registry'))]);
    const change = (batchSize: number) => (text: string): string => text.replace('registry: registry.internal/zastava', `registry: 127.0.0.1:${registry.ready[1]}/zastava`).replace('observer: {}', `observer: { batchSize: ${batchSize} }`);
    releases = { '1.0.0': sampleValues(change(32)), '1.0.1': sampleValues(change(64)) };
    for (const [version, values] of Object.entries(releases)) await pushRelease(values, version, join(folder, `release ${version}`));
    await git('init', '-q', '-b', 'main');
    await commit(releases['1.0.0']);
    argo = await ArgoCd.start(api, folder);
    for (const each of Object.values(artifactRepositories)) await argo.allowPlainHttp(`oci://127.0.0.1:${registry.ready[1]}/zastava/${each}`);
  });
  afterAll(async () => {
    await workloads?.stop();
    await argo?.stop();
    await registry?.stop();
    await api?.stop();
  });

  /** The Application of dist/gitops, which knows all but where the Git repository is. */
  async function apply(file: string, version: keyof typeof releases): Promise<void> {
    const text = renderGitops(releases[version], version).get(`gitops/argocd/${file}`)!;
    await argo.apply(parse(text.replace('https://git.internal/platform/clusters.git', `file://${repository}`)) as object);
  }

  const batchSize = async (): Promise<number> => {
    const config = await api.kubectl('-n', namespace, 'get', 'configmap', objectNames.observer, '-o', 'jsonpath={.data.values\\.json}');
    return (JSON.parse(config) as { zastava: { observer: { batchSize: number } } }).zastava.observer.batchSize;
  };
  const registrations = () => api.kubectl('get', 'validatingwebhookconfigurations', '-o', 'name');

  test('registers the webhook last: not before the workloads are healthy', async () => {
    await apply('manifests-git.yaml', '1.0.0');
    await eventually(async () => expect((await argo.read(name)).status?.operationState?.message).toMatch(/waiting for healthy state of /), 240);
    expect(await registrations()).toBe('');
    workloads = runWorkloads(api);
    await argo.synced(name);
    expect(await registrations()).toContain(objectNames.webhook);
  });

  const upgrades: Readonly<Record<string, () => Promise<void>>> = {
    'manifests-git.yaml': () => commit(releases['1.0.1']),
    'manifests-oci.yaml': () => apply('manifests-oci.yaml', '1.0.1'),
    'chart-oci.yaml': () => apply('chart-oci.yaml', '1.0.1'),
  };

  describe.each(Object.keys(upgrades))('with %s', (file) => {
    let revision: string | undefined;

    test('is synced, and stays so when it looks again', async () => {
      await apply(file, '1.0.0');
      if (file !== 'manifests-git.yaml') await eventually(async () => expect(await batchSize()).toBe(32), 240);
      revision = (await argo.synced(name)).status?.sync?.revision;
      await argo.refresh(name);
      await eventually(async () => expect(JSON.stringify(await argo.read(name))).not.toContain('argocd.argoproj.io/refresh'), 240);
      expect((await argo.synced(name)).status).toMatchObject({ sync: { revision } });
    });

    test('takes back what somebody changed in the cluster', async () => {
      await api.kubectl('-n', namespace, 'scale', 'deployment', objectNames.webhook, '--replicas', '1');
      await eventually(async () => expect(await api.kubectl('-n', namespace, 'get', 'deployment', objectNames.webhook, '-o', 'jsonpath={.spec.replicas}')).toBe('3'), 240);
      await argo.synced(name);
    });

    test('follows an upgrade, and is synced again', async () => {
      await upgrades[file]!();
      await argo.refresh(name);
      await eventually(async () => expect(await batchSize()).toBe(64), 240);
      await argo.synced(name, ({ status }) => status?.sync?.revision !== revision);
    });
  });

  test('left the namespace alone, which the chart does not have', async () => {
    expect(await api.kubectl('get', 'namespace', namespace, '-o', 'jsonpath={.metadata.deletionTimestamp}{.status.phase}')).toBe('Active');
  });
});
