/**
 * Sources and reconcilers for Flux 2.6 or newer, where OCIRepository is v1: the manifests as the kit's OCI artifact, or
 * the chart. Both are verified by the kit's public key before anything of them is applied.
 */
import { helmMediaTypes } from '../../contract/artifacts.ts';
import { artifactRepositories, cosignSecret, releaseName } from '../../contract/gitops.ts';
import { namespace } from '../../contract/names.ts';
import type { GitOpsObject, Site } from './site.ts';

type Members = Readonly<Record<string, unknown>>;

const fluxNamespace = 'flux-system';
const interval = '10m';

/** Name of the file → its objects. */
export function fluxFiles(site: Site): Map<string, GitOpsObject[]> {
  return new Map([
    ['manifests-oci.yaml', [
      source(site, artifactRepositories.manifests, {}),
      object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', releaseName, {
        interval, timeout: '5m', sourceRef: { kind: 'OCIRepository', name: `${releaseName}-${artifactRepositories.manifests}` }, path: './', prune: true, wait: true,
      }),
    ]],
    ['chart-oci.yaml', [
      source(site, artifactRepositories.chart, { layerSelector: { mediaType: helmMediaTypes.chart, operation: 'copy' } }),
      object('helm.toolkit.fluxcd.io/v2', 'HelmRelease', releaseName, {
        interval,
        releaseName,
        targetNamespace: namespace,
        storageNamespace: namespace,
        chartRef: { kind: 'OCIRepository', name: `${releaseName}-${artifactRepositories.chart}` },
        install: { remediation: { retries: 3 } },
        upgrade: { remediation: { retries: 3 } },
        driftDetection: { mode: 'enabled' },
        values: site.chartValues,
      }),
    ]],
  ]);
}

function source({ registry, version }: Site, repository: string, more: Members): GitOpsObject {
  return object('source.toolkit.fluxcd.io/v1', 'OCIRepository', `${releaseName}-${repository}`, {
    interval, url: `oci://${registry}/${repository}`, ref: { tag: version }, ...more, verify: { provider: 'cosign', secretRef: { name: cosignSecret } },
  });
}

function object(apiVersion: string, kind: string, name: string, spec: Members): GitOpsObject {
  return { apiVersion, kind, metadata: { name, namespace: fluxNamespace }, spec };
}
