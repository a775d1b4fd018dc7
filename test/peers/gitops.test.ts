/**
 * Every object in dist/gitops, for every golden set of values, as a real API server takes it that has the CRDs of Argo CD
 * and of Flux: with each field known and of the right form.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderGitops } from '../../src/synth/gitops/render-gitops.ts';
import { readSet, setNames } from '../fakes/value-sets.ts';
import { eventually, succeed } from './harness/commands.ts';
import { KubeApiServer } from './harness/kube-apiserver.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

/** Modules and the CRDs in them. Flux's helm-controller is not served as a module, so HelmRelease has none here. */
const definitions: Readonly<Record<string, readonly string[]>> = {
  'github.com/argoproj/argo-cd/v3@v3.5.7': ['manifests/crds/application-crd.yaml'],
  'github.com/fluxcd/source-controller@v1.9.4': ['config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml'],
  'github.com/fluxcd/kustomize-controller@v1.9.0': ['config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml'],
};

describeWith(['setpriv', 'etcd', 'kube-apiserver', 'kubectl', 'go'], 'a real API server with the CRDs of Argo CD and Flux', () => {
  const folder = scratch('gitops');
  let api: KubeApiServer;

  beforeAll(async () => {
    api = await KubeApiServer.start(folder);
    for (const [module, files] of Object.entries(definitions)) {
      const { Dir } = JSON.parse(await succeed(peer('go'), ['mod', 'download', '-json', module], { cwd: '/' })) as { Dir: string };
      for (const file of files) await api.kubectl('apply', '--server-side', '-f', join(Dir, file));
    }
    await eventually(() => api.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'));
    for (const namespace of ['argocd', 'flux-system']) await api.kubectl('create', 'namespace', namespace);
  });
  afterAll(() => api?.stop());

  const apply = (path: string) => api.tryKubectl('apply', '--server-side', '--validate=strict', '--dry-run=server', '-f', path);

  test.each(setNames)('takes the objects of %s, each field of them', async (name) => {
    const files = [...renderGitops(readSet(name), '1.0.0')].filter(([path]) => path.endsWith('.yaml'));
    expect(files).toHaveLength(5);
    for (const [path, text] of files) {
      const target = join(folder, name, path);
      mkdirSync(dirname(target), { recursive: true });
      // No CRD: see above.
      writeFileSync(target, text.split(/^---\n/m).filter((document) => !document.includes('kind: HelmRelease')).join('---\n'));
      const { code, stdout, stderr } = await apply(target);
      expect(code, `${path}\n${stderr}`).toBe(0);
      expect(stdout).toMatch(/serverside-applied/);
    }
  });

  test('would refuse a field that the CRD does not know, and one of another form', async () => {
    const text = renderGitops(readSet('minimal'), '1.0.0').get('gitops/flux/manifests-oci.yaml')!;
    for (const [from, to] of [['timeout: 5m', 'timeOut: 5m'], ['interval: 10m', 'interval: often'], ['provider: cosign', 'provider: cosin']] as const) {
      const path = join(folder, 'wrong.yaml');
      expect(text).toContain(from);
      writeFileSync(path, text.replace(from, to));
      expect((await apply(path)).code, to).not.toBe(0);
    }
  });
});
