/**
 * Many clusters of one kit: at the site, with nothing but what the kit carries and one values file a cluster, the one-file
 * CLI writes each cluster's manifests and GitOps objects. They are the bytes that the sources give.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseImagesLock } from '../../src/config/parse-images-lock.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import { renderGitops } from '../../src/synth/gitops/render-gitops.ts';
import { renderArtifacts } from '../../src/synth/render-artifacts.ts';
import { run, succeed } from './harness/commands.ts';
import { kit, readEntry } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';
import { readTree } from './harness/tree.ts';

const clusters = ['paris-1', 'paris-2', 'lab'];

describeWith(['tar'], 'one kit', () => {
  const site = scratch('site');
  // Nothing of this checkout, nor of its environment, may help.
  const options = { cwd: site, env: { HOME: site, NODE_PATH: undefined, NODE_OPTIONS: undefined } };
  const zastava = (...args: string[]) => run(process.execPath, ['tools/zastava.mjs', ...args], options);

  beforeAll(async () => {
    await succeed(peer('tar'), ['-xf', kit.tar, '-C', site, 'tools/zastava.mjs', 'images.lock.json', 'zastava-runtime.values.yaml', 'manifests'], options);
    const sample = readFileSync(join(site, 'zastava-runtime.values.yaml'), 'utf8');
    mkdirSync(join(site, 'values'));
    for (const cluster of clusters) {
      const text = sample.replaceAll('cluster-01', cluster).replace('registry: registry.internal/zastava', `registry: registry.${cluster}.example/zastava`);
      expect(text).not.toBe(sample);
      writeFileSync(join(site, 'values', `${cluster}.yaml`), text);
    }
  });

  describe.each(clusters)('and %s', (cluster) => {
    const files = join(site, 'clusters', cluster);
    const values = `values/${cluster}.yaml`;

    test('its values are checked, and its manifests and GitOps objects written', async () => {
      expect(await zastava('values', 'check', values)).toMatchObject({ code: 0 });
      expect(await zastava('synth', '--values', values, '--images', 'images.lock.json', '--out', files)).toMatchObject({ code: 0 });
    });

    test('they are what the sources give for these values and the kit\'s images', async () => {
      const parsed = parseValues(readFileSync(join(site, values), 'utf8'), values);
      const lock = parseImagesLock(await readEntry('images.lock.json'), 'images.lock.json');
      const expected = [...renderArtifacts(parsed, lock), ...renderGitops(parsed, kit.version)];
      expect(Object.keys(await readTree(files)).sort()).toEqual(expected.map(([path]) => path).sort());
      for (const [path, content] of expected) expect(readFileSync(join(files, path), 'utf8'), path).toBe(content);
    });

    test('and they name this cluster and its registry, and no other', () => {
      const text = ['manifests/50-observer.yaml', 'manifests/30-config-maps.yaml', 'gitops/argocd/chart-oci.yaml', 'gitops/flux/manifests-oci.yaml'].map((path) => readFileSync(join(files, path), 'utf8')).join('');
      expect(text).toContain(`registry.${cluster}.example/zastava/observer@sha256:`);
      for (const other of clusters) expect(text.includes(`registry.${other}.example`), other).toBe(other === cluster);
    });
  });

  test('the kit\'s own values give the kit\'s own manifests', async () => {
    expect(await zastava('synth', '--values', 'zastava-runtime.values.yaml', '--images', 'images.lock.json', '--out', 'own')).toMatchObject({ code: 0 });
    expect(await readTree(join(site, 'own/manifests'))).toEqual(await readTree(join(site, 'manifests')));
  });

  test('bad values are refused, and nothing is written', async () => {
    writeFileSync(join(site, 'values/bad.yaml'), readFileSync(join(site, 'values/lab.yaml'), 'utf8').replace('tenant: tenant-a', 'tenant: Tenant A'));
    const { code, stderr } = await zastava('synth', '--values', 'values/bad.yaml', '--images', 'images.lock.json', '--out', 'bad');
    expect(code).toBe(2);
    expect(stderr).toContain('zastava.runtime.tenant');
    expect(() => readFileSync(join(site, 'bad/manifests/kustomization.yaml'))).toThrow();
  });
});
