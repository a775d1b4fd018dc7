/**
 * The two webhook configurations (contract sections 1 and 2): for namespaces where no answer means no, and for those
 * where it means yes. They share no namespace and go by the label that Kubernetes sets itself. Only Pods and their
 * ephemeral containers are judged, never a cluster-scoped kind: those a cluster needs to start.
 */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { admissionScope } from '../contract/admission.ts';
import { namespace, namespaceNameLabel, objectNames, servicePort, webhookNames } from '../contract/names.ts';
import { httpPaths, serverLimits } from '../contract/programs.ts';
import type { Facts } from './facts.ts';
import { afterWebhook, clusterMetadata } from './object-metadata.ts';

export class ValidatingWebhooks extends Construct {
  constructor(scope: Construct, id: string, { put, each, when }: Facts) {
    super(scope, id);
    new k8s.KubeValidatingWebhookConfiguration(this, 'enforced', {
      metadata: { ...clusterMetadata('webhook', objectNames.webhook), annotations: afterWebhook },
      webhooks: [{
        ...buildWebhook(put.caBundle),
        name: webhookNames.enforced,
        failurePolicy: 'Fail',
        namespaceSelector: {
          matchExpressions: [
            ...named('NotIn', each.failNotIn),
            ...named('In', each.failIn),
            ...(when.nothingEnforced ? [{ key: namespaceNameLabel, operator: 'DoesNotExist' }] : []),
          ],
        },
      }],
    });
    if (!when.failOpen) return;
    new k8s.KubeValidatingWebhookConfiguration(this, 'fail-open', {
      metadata: { ...clusterMetadata('webhook', objectNames.webhookFailOpen), annotations: afterWebhook },
      webhooks: [{
        ...buildWebhook(put.caBundle),
        name: webhookNames.failOpen,
        failurePolicy: 'Ignore',
        namespaceSelector: { matchExpressions: [...named('NotIn', each.ignoreNotIn), ...named('In', each.ignoreIn)] },
      }],
    });
  }
}

/** The API server refuses `In` and `NotIn` without values. */
function named(operator: 'In' | 'NotIn', values: readonly string[]): k8s.LabelSelectorRequirement[] {
  return values.length > 0 ? [{ key: namespaceNameLabel, operator, values: [...values] }] : [];
}

function buildWebhook(caBundle: string) {
  const scope = { apiGroups: [''], apiVersions: ['v1'], scope: 'Namespaced' };
  return {
    admissionReviewVersions: ['v1'],
    clientConfig: { caBundle, service: { name: objectNames.webhook, namespace, path: httpPaths.validate, port: servicePort } },
    matchPolicy: 'Equivalent',
    rules: [
      { ...scope, operations: [...admissionScope.operations], resources: ['pods'] },
      { ...scope, operations: ['UPDATE'], resources: ['pods/ephemeralcontainers'] },
    ],
    sideEffects: 'None',
    timeoutSeconds: serverLimits.admissionTimeoutSeconds,
  };
}
