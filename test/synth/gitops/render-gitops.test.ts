/** Objects for GitOps controllers: filled from the values, and leading to what the kit has under the names that it has there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { parseValues } from '../../../src/config/parse-values.ts';
import { artifactRepositories } from '../../../src/contract/gitops.ts';
import { parseRecipe } from '../../../src/kit/recipe.ts';
import { renderChart } from '../../../src/synth/chart/render-chart.ts';
import { renderGitops } from '../../../src/synth/gitops/render-gitops.ts';
import { at } from '../../fakes/rendered-objects.ts';
import { placeholderImages, readSet, setNames } from '../../fakes/value-sets.ts';

const root = join(import.meta.dirname, '../../..');
const files = ['argocd/manifests-git.yaml', 'argocd/manifests-oci.yaml', 'argocd/chart-oci.yaml', 'flux/manifests-oci.yaml', 'flux/chart-oci.yaml'];

describe.each(setNames)('for %s', (name) => {
  const values = readSet(name);
  const rendered = renderGitops(values, '1.2.3');
  const objects = (file: string): object[] => parseAllDocuments(rendered.get(`gitops/${file}`)!).map((document) => document.toJS() as object);
  const { registry } = values.zastava.images;

  test('there is a file for each way, and one that says which to take', () => {
    expect([...rendered.keys()]).toEqual([...files, 'README.md'].map((file) => `gitops/${file}`));
    for (const file of files) expect(rendered.get('gitops/README.md')).toContain(`\`${file}\``);
  });

  test('every OCI source is a repository of this site\'s registry, at the tag of the kit', () => {
    const sources = files.flatMap(objects).map((object) => [at(object, 'spec.url') ?? at(object, 'spec.source.repoURL'), at(object, 'spec.ref.tag') ?? at(object, 'spec.source.targetRevision')]);
    expect(sources.filter(([url]) => String(url).startsWith('oci://')).map(([url, tag]) => `${String(url)}:${String(tag)}`).sort()).toEqual([
      `oci://${registry}/${artifactRepositories.manifests}:1.2.3`, `oci://${registry}/${artifactRepositories.manifests}:1.2.3`,
      `oci://${registry}/${artifactRepositories.chart}:1.2.3`, `oci://${registry}/${artifactRepositories.chart}:1.2.3`,
    ].sort());
  });

  test('Flux verifies each source, and each reconciler names one that is there', () => {
    const all = files.filter((file) => file.startsWith('flux/')).flatMap(objects);
    const sources = all.filter((object) => at(object, 'kind') === 'OCIRepository');
    expect(sources.map((source) => at(source, 'spec.verify'))).toEqual([{ provider: 'cosign', secretRef: { name: 'zastava-runtime-cosign' } }, { provider: 'cosign', secretRef: { name: 'zastava-runtime-cosign' } }]);
    const named = all.map((object) => at(object, 'spec.sourceRef.name') ?? at(object, 'spec.chartRef.name')).filter((each) => each !== undefined);
    expect(named).toEqual(sources.map((source) => at(source, 'metadata.name')));
  });

  test('the values of the chart are the site\'s values, without what is a default anyway', () => {
    for (const given of [at(objects('argocd/chart-oci.yaml')[0], 'spec.source.helm.valuesObject'), at(objects('flux/chart-oci.yaml')[1], 'spec.values')]) {
      expect(parseValues(stringify(given), 'chart values')).toEqual(values);
      expect(JSON.stringify(given).length).toBeLessThan(JSON.stringify(values).length);
    }
  });

  test('the same bytes at every render', () => expect([...renderGitops(readSet(name), '1.2.3')]).toEqual([...rendered]));
});

test('applications of two clusters may live in one Argo CD', () => {
  const names = (['minimal', 'everything'] as const).map((set) => at(parse(renderGitops(readSet(set), '1').get('gitops/argocd/chart-oci.yaml')!), 'metadata.name'));
  expect(new Set(names).size).toBe(2);
});

test('the repositories are those of the recipe: the manifests\' name, and the chart\'s own', () => {
  const { artifacts } = parseRecipe(readFileSync(join(root, 'offline-kit/kit.yaml'), 'utf8'), 'kit.yaml');
  expect(artifacts.map(({ kind }) => kind)).toEqual(['manifests', 'chart']);
  expect(artifacts[0]!.name).toBe(artifactRepositories.manifests);
  expect(at(parse(renderChart(placeholderImages, '1.0.0').get('Chart.yaml')!), 'name')).toBe(artifactRepositories.chart);
});
