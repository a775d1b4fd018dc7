/** The Service that the API server reaches the webhook by. */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { portNames, servicePort } from '../contract/names.ts';
import { namespacedMetadata, selectorOf } from './object-metadata.ts';

export class WebhookService extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new k8s.KubeService(this, 'service', {
      metadata: namespacedMetadata('webhook'),
      spec: {
        selector: selectorOf('webhook'),
        ports: [{ name: portNames.webhook, port: servicePort, protocol: 'TCP', targetPort: k8s.IntOrString.fromString(portNames.webhook) }],
      },
    });
  }
}
