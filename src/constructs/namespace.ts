/** The namespace, in plain manifests only: Helm refuses a chart that has the namespace of its own release. */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { namespace, partOf } from '../contract/names.ts';

export class Namespace extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new k8s.KubeNamespace(this, 'namespace', {
      metadata: {
        name: namespace,
        // The observer mounts folders of its node, which no other level allows.
        labels: { 'app.kubernetes.io/part-of': partOf, 'pod-security.kubernetes.io/enforce': 'privileged' },
        // It holds Secrets that were made by hand: no controller may take it away, whatever leaves its source.
        annotations: { 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous', 'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false', 'kustomize.toolkit.fluxcd.io/prune': 'disabled' },
      },
    });
  }
}
