/** One ServiceAccount a program. Neither gets a token by itself: the Pod of the webhook asks for one, to read its own registration. */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { components } from '../contract/label-values.ts';
import { namespacedMetadata } from './object-metadata.ts';

export class ServiceAccounts extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    for (const component of components) {
      new k8s.KubeServiceAccount(this, component, { metadata: namespacedMetadata(component), automountServiceAccountToken: false });
    }
  }
}
