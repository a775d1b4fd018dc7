/**
 * Who may talk to the programs, and to whom they may talk. In: only their own ports, from anywhere, since neither the API
 * server nor a kubelet can be selected. Out: DNS and TCP, but not to link-local addresses, where clouds hand out the
 * node's credentials. Ports are not named: behind a Service a policy sees the port of the Pod, which no value tells.
 */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import type { Component } from '../contract/label-values.ts';
import { namespaceNameLabel } from '../contract/names.ts';
import { programPorts } from '../contract/programs.ts';
import { namespacedMetadata, selectorOf } from './object-metadata.ts';

export class NetworkPolicies extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.addPolicy('observer', [programPorts.telemetry]);
    this.addPolicy('webhook', [programPorts.telemetry, programPorts.webhook]);
  }

  private addPolicy(component: Component, ports: readonly number[]): void {
    new k8s.KubeNetworkPolicy(this, component, {
      metadata: namespacedMetadata(component),
      spec: {
        podSelector: { matchLabels: selectorOf(component) },
        policyTypes: ['Egress', 'Ingress'],
        ingress: [{ ports: ports.map((port) => ({ port: k8s.IntOrString.fromNumber(port), protocol: 'TCP' })) }],
        egress: [
          { ports: ['TCP', 'UDP'].map((protocol) => ({ port: k8s.IntOrString.fromNumber(53), protocol })) },
          {
            ports: [{ protocol: 'TCP' }],
            to: [
              { namespaceSelector: { matchExpressions: [{ key: namespaceNameLabel, operator: 'Exists' }] } },
              { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } },
              { ipBlock: { cidr: '::/0', except: ['fe80::/10'] } },
            ],
          },
        ],
      },
    });
  }
}
