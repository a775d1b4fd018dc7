/**
 * No drift: what a real API server has stored after an apply is what the manifests say, for every golden set of values, so
 * that a GitOps controller finds nothing to do. With the CRDs of the Prometheus Operator, from its own module.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderTexts } from '../fakes/rendered-objects.ts';
import { readSet, setNames } from '../fakes/value-sets.ts';
import { eventually, succeed } from './harness/commands.ts';
import { KubeApiServer } from './harness/kube-apiserver.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

const operator = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';
const definitions = ['podmonitors', 'prometheusrules'].map((name) => `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`);

interface Stored {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly managedFields?: unknown };
}

describeWith(['setpriv', 'etcd', 'kube-apiserver', 'kubectl', 'go'], 'a real API server', () => {
  const folder = scratch('drift');
  let api: KubeApiServer;

  beforeAll(async () => {
    api = await KubeApiServer.start(folder);
    const { Dir } = JSON.parse(await succeed(peer('go'), ['mod', 'download', '-json', operator], { cwd: '/' })) as { Dir: string };
    for (const file of definitions) await api.kubectl('apply', '--server-side', '-f', join(Dir, file));
    await eventually(() => api.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'));
  });
  afterAll(() => api?.stop());

  /** By kind and name, without who wrote which field when. */
  function byName(json: string): Record<string, Stored> {
    const list = JSON.parse(json) as Stored | { readonly items: readonly Stored[] };
    const objects = 'items' in list ? list.items : [list];
    return Object.fromEntries(objects.map((object) => [`${object.kind} ${object.metadata.name}`, { ...object, metadata: { ...object.metadata, managedFields: undefined } }]));
  }

  describe.each(setNames)('with the manifests of %s', (name) => {
    const manifests = join(folder, name);
    const apply = (...args: string[]): Promise<string> => api.kubectl('apply', '--server-side', '--force-conflicts', '-k', manifests, ...args);
    let stored: Record<string, Stored>;

    beforeAll(async () => {
      mkdirSync(manifests);
      for (const [path, text] of renderTexts(readSet(name))) writeFileSync(join(manifests, basename(path)), text);
      await apply();
      stored = byName(await api.kubectl('get', '-k', manifests, '-o', 'json'));
      expect(Object.keys(stored).length).toBeGreaterThan(10);
    });

    test('a server-side dry run of the same gives what is stored, to the last field', async () => {
      expect(byName(await apply('--dry-run=server', '-o', 'json'))).toEqual(stored);
    });

    test('kubectl diff shows nothing', async () => {
      expect(await api.tryKubectl('diff', '--server-side', '--force-conflicts', '-k', manifests)).toMatchObject({ code: 0, stdout: '' });
    });

    test('a second apply changes nothing, not even a resource version', async () => {
      await apply();
      expect(byName(await api.kubectl('get', '-k', manifests, '-o', 'json'))).toEqual(stored);
    });

    test('one changed field is seen, so the three above would see drift', async () => {
      await api.kubectl('-n', 'stellaops', 'label', '--overwrite', 'deployment', 'zastava-webhook', 'app.kubernetes.io/part-of=else');
      expect((await api.tryKubectl('diff', '--server-side', '--force-conflicts', '-k', manifests)).code).toBe(1);
      await apply();
    });
  });
});
