/**
 * What the webhook may ask of the API server: read its own registration, to tell where that differs from its values; and in CSR
 * mode make a request for its serving certificate and read it, and approve requests for the one signer where the site wants
 * that (autoApprove). The observer may ask nothing.
 */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { namespace, objectNames } from '../contract/names.ts';
import type { Facts } from './facts.ts';
import { clusterMetadata } from './object-metadata.ts';

const certificatesGroup = 'certificates.k8s.io';
const rbacGroup = 'rbac.authorization.k8s.io';

export class WebhookRoles extends Construct {
  constructor(scope: Construct, id: string, { put, when }: Facts) {
    super(scope, id);
    const metadata = clusterMetadata('webhook', objectNames.webhook);
    const approval: k8s.PolicyRule[] = [
      { apiGroups: [certificatesGroup], resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
      { apiGroups: [certificatesGroup], resources: ['signers'], resourceNames: [put.signerName], verbs: ['approve'] },
    ];
    new k8s.KubeClusterRole(this, 'role', {
      metadata,
      rules: [
        { apiGroups: ['admissionregistration.k8s.io'], resources: ['validatingwebhookconfigurations'], resourceNames: [objectNames.webhook, objectNames.webhookFailOpen], verbs: ['get'] },
        ...(when.certificateFromCsr ? [{ apiGroups: [certificatesGroup], resources: ['certificatesigningrequests'], verbs: ['create', 'get'] }] : []),
        ...(when.certificateFromCsr && when.autoApprove ? approval : []),
      ],
    });
    new k8s.KubeClusterRoleBinding(this, 'binding', {
      metadata,
      roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name: objectNames.webhook },
      subjects: [{ kind: 'ServiceAccount', name: objectNames.webhook, namespace }],
    });
  }
}
