/**
 * All objects of the runtime plane, in the order they are applied in: what others refer to first, and the webhook
 * configurations last, when there is a webhook to ask. One chart a step.
 */
import { Chart, type App } from 'cdk8s';
import type { Construct } from 'constructs';
import { ConfigMaps } from './config-maps.ts';
import type { Facts } from './facts.ts';
import { MonitoringResources } from './monitoring-resources.ts';
import { Namespace } from './namespace.ts';
import { NetworkPolicies } from './network-policies.ts';
import { ObserverDaemonSet } from './observer-daemon-set.ts';
import { ServiceAccounts } from './service-accounts.ts';
import { ValidatingWebhooks } from './validating-webhooks.ts';
import { WebhookDeployment } from './webhook-deployment.ts';
import { WebhookRoles } from './webhook-roles.ts';
import { WebhookService } from './webhook-service.ts';

/** Name of the step → what it adds. */
const steps: readonly (readonly [name: string, add: (scope: Construct, facts: Facts) => void])[] = [
  ['namespace', (scope) => new Namespace(scope, 'namespace')],
  ['service-accounts', (scope) => new ServiceAccounts(scope, 'service-accounts')],
  ['webhook-roles', (scope, facts) => new WebhookRoles(scope, 'webhook-roles', facts)],
  ['config-maps', (scope, facts) => new ConfigMaps(scope, 'config-maps', facts)],
  ['network-policies', (scope) => new NetworkPolicies(scope, 'network-policies')],
  ['observer', (scope, facts) => new ObserverDaemonSet(scope, 'observer', facts)],
  ['webhook-service', (scope) => new WebhookService(scope, 'webhook-service')],
  ['webhook', (scope, facts) => new WebhookDeployment(scope, 'webhook', facts)],
  ['monitoring', (scope, facts) => new MonitoringResources(scope, 'monitoring', facts)],
  ['validating-webhooks', (scope, facts) => new ValidatingWebhooks(scope, 'validating-webhooks', facts)],
];

/** Adds every step to the app, also one that has no objects for this site. A chart's id is the name of its step. */
export function addRuntimePlane(app: App, facts: Facts): Chart[] {
  return steps.map(([name, add]) => {
    const chart = new Chart(app, name);
    add(chart, facts);
    return chart;
  });
}
