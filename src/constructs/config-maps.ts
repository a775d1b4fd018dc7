/** One ConfigMap a program: the part of the values that it reads, as JSON. No secret is ever in it. */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { configKey } from '../contract/names.ts';
import type { Facts } from './facts.ts';
import { namespacedMetadata } from './object-metadata.ts';

export class ConfigMaps extends Construct {
  constructor(scope: Construct, id: string, { put }: Facts) {
    super(scope, id);
    new k8s.KubeConfigMap(this, 'observer', { metadata: namespacedMetadata('observer'), data: { [configKey]: put.observerConfig } });
    new k8s.KubeConfigMap(this, 'webhook', { metadata: namespacedMetadata('webhook'), data: { [configKey]: put.webhookConfig } });
  }
}
