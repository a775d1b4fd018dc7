/**
 * The admission webhook (runbook sections 1 and 2): spread over nodes, updated one by one without a gap, as any user but
 * root. It drains itself on SIGTERM, since the image has no shell for a hook.
 */
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { mountPaths, objectNames, portNames, secretNames, webhookUser } from '../contract/names.ts';
import { programPaths, programPorts, shutdownLimits } from '../contract/programs.ts';
import { authorityMounts, authorityVolumes, secretMode } from './authority-volumes.ts';
import { checksumAnnotation, configMount, configVolume } from './config-volume.ts';
import type { Facts } from './facts.ts';
import { labelsOf, namespacedMetadata, selectorOf } from './object-metadata.ts';
import { probes, telemetryPort } from './probes.ts';
import { pullSecrets } from './pull-secrets.ts';

export class WebhookDeployment extends Construct {
  constructor(scope: Construct, id: string, facts: Facts) {
    super(scope, id);
    new k8s.KubeDeployment(this, 'deployment', {
      metadata: namespacedMetadata('webhook'),
      spec: {
        replicas: facts.put.webhookReplicas,
        selector: { matchLabels: selectorOf('webhook') },
        minReadySeconds: 5,
        strategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxSurge: k8s.IntOrString.fromNumber(1), maxUnavailable: k8s.IntOrString.fromNumber(0) },
        },
        template: {
          metadata: { labels: labelsOf('webhook'), annotations: checksumAnnotation(facts.put.webhookConfigSha256) },
          spec: buildPod(facts),
        },
      },
    });
    new k8s.KubePodDisruptionBudget(this, 'disruption-budget', {
      metadata: namespacedMetadata('webhook'),
      spec: {
        maxUnavailable: k8s.IntOrString.fromNumber(1),
        selector: { matchLabels: selectorOf('webhook') },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });
  }
}

function buildPod(facts: Facts): k8s.PodSpec {
  const { put, each, when } = facts;
  return {
    serviceAccountName: objectNames.webhook,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    priorityClassName: 'system-cluster-critical',
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    terminationGracePeriodSeconds: shutdownLimits.terminationGraceSeconds,
    topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map(spreadOver),
    ...pullSecrets(each),
    securityContext: {
      fsGroup: webhookUser,
      runAsGroup: webhookUser,
      runAsNonRoot: true,
      runAsUser: webhookUser,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [buildContainer(facts)],
    volumes: [
      configVolume('webhook'),
      { name: 'scratch', emptyDir: { sizeLimit: k8s.Quantity.fromString('16Mi') } },
      ...(when.certificateFromSecret ? [{ name: 'tls', secret: { secretName: secretNames.webhookTls, defaultMode: secretMode } }] : []),
      ...(when.registryAccess ? [{ name: 'registries', secret: { secretName: put.registrySecret, defaultMode: secretMode } }] : []),
      ...authorityVolumes(when),
    ],
  };
}

function buildContainer({ put, when }: Facts): k8s.Container {
  return {
    name: 'webhook',
    image: put.webhookImage,
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name: portNames.webhook, containerPort: programPorts.webhook, protocol: 'TCP' }, telemetryPort],
    ...probes,
    resources: {
      requests: { cpu: k8s.Quantity.fromString('100m'), memory: k8s.Quantity.fromString('160Mi') },
      limits: { memory: k8s.Quantity.fromString('384Mi') },
    },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
    volumeMounts: [
      configMount,
      { name: 'scratch', mountPath: mountPaths.scratch },
      ...(when.certificateFromSecret ? [{ name: 'tls', mountPath: programPaths.tlsDir, readOnly: true }] : []),
      ...(when.registryAccess ? [{ name: 'registries', mountPath: mountPaths.registries, readOnly: true }] : []),
      ...authorityMounts(when),
    ],
  };
}

function spreadOver(topologyKey: string): k8s.TopologySpreadConstraint {
  return {
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorOf('webhook') },
    matchLabelKeys: ['pod-template-hash'],
  };
}
