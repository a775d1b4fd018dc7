/**
 * Applications for Argo CD 3.1 or newer (the first with OCI sources): the manifests from a Git repository, the manifests
 * as the kit's OCI artifact, and the chart. One of them a cluster.
 */
import { artifactRepositories, releaseName } from '../../contract/gitops.ts';
import { namespace } from '../../contract/names.ts';
import type { GitOpsObject, Site } from './site.ts';

type Source = Readonly<Record<string, unknown>>;

/** Name of the file → its objects. */
export function argoCdFiles(site: Site): Map<string, GitOpsObject[]> {
  const { registry, version, deployment } = site;
  return new Map([
    ['manifests-git.yaml', [application(site, { repoURL: site.gitRepository, targetRevision: 'main', path: `clusters/${deployment}/manifests` })]],
    ['manifests-oci.yaml', [application(site, { repoURL: `oci://${registry}/${artifactRepositories.manifests}`, targetRevision: version, path: '.' })]],
    ['chart-oci.yaml', [application(site, {
      repoURL: `oci://${registry}/${artifactRepositories.chart}`, targetRevision: version, path: '.', helm: { releaseName, valuesObject: site.chartValues },
    })]],
  ]);
}

/** Server-side apply and diff: what the API server fills in is no difference. Nothing is made but what the source has. */
function application({ deployment }: Site, source: Source): GitOpsObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    // One Argo CD may serve many clusters.
    metadata: { name: `${releaseName}-${deployment}`, namespace: 'argocd', annotations: { 'argocd.argoproj.io/compare-options': 'ServerSideDiff=true' } },
    spec: {
      project: 'default',
      destination: { server: 'https://kubernetes.default.svc', namespace },
      source,
      syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['ServerSideApply=true'] },
    },
  };
}
