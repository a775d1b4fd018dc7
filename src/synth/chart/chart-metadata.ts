/** Chart.yaml, with what Artifact Hub shows of a chart; images by their digests. */
import { components } from '../../contract/label-values.ts';
import type { ImagesLock } from '../../contract/images-lock.ts';
import { renderYaml } from '../render-artifacts.ts';
import { buildDefaults } from './chart-values.ts';

/** As its folder deploy/helm/zastava; also the last part of its repository. */
export const chartName = 'zastava';

/** Of this version, for those who decide on an upgrade; CHANGELOG.md has all of them. */
const changes = [
  { kind: 'added', description: 'Observer, admission webhook and their configuration as a chart, equal to the plain manifests.' },
  { kind: 'added', description: 'PrometheusRule and PodMonitor with monitoring.crds.' },
];

export function renderChartMetadata({ images }: ImagesLock, version: string): string {
  const { registry } = (buildDefaults() as { zastava: { images: { registry: string } } }).zastava.images;
  return renderYaml({
    apiVersion: 'v2',
    name: chartName,
    description: 'The Zastava runtime plane of StellaOps: an observer on every node, and an admission webhook.',
    type: 'application',
    version,
    appVersion: version,
    keywords: ['admission', 'runtime-security', 'supply-chain'],
    annotations: {
      'artifacthub.io/category': 'security',
      'artifacthub.io/changes': renderYaml(changes),
      'artifacthub.io/images': renderYaml(components.map((name) => ({
        name, image: `${registry}/${name}:${version}@${images[name].index}`, platforms: Object.keys(images[name].platforms).sort(),
      }))),
      'artifacthub.io/license': 'Apache-2.0',
      'artifacthub.io/operator': 'false',
    },
  });
}
