/**
 * The observer on every Linux node (runbook sections 1 and 2). It sees all processes of the node and reads their files,
 * so it needs what adr/0003 says, and no more: no privileged container, no API access, host folders read-only but two.
 */
import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { hostPaths, mountPaths, nodeNameEnv, objectNames } from '../contract/names.ts';
import { shutdownLimits } from '../contract/programs.ts';
import { authorityMounts, authorityVolumes } from './authority-volumes.ts';
import { checksumAnnotation, configMount, configVolume } from './config-volume.ts';
import type { Facts } from './facts.ts';
import { afterWebhook, labelsOf, namespacedMetadata, selectorOf } from './object-metadata.ts';
import { probes, telemetryPort } from './probes.ts';
import { pullSecrets } from './pull-secrets.ts';

export class ObserverDaemonSet extends Construct {
  constructor(scope: Construct, id: string, facts: Facts) {
    super(scope, id);
    const manifest = k8s.KubeDaemonSet.manifest({
      metadata: { ...namespacedMetadata('observer'), annotations: afterWebhook },
      spec: {
        selector: { matchLabels: selectorOf('observer') },
        minReadySeconds: 5,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: k8s.IntOrString.fromString('10%') } },
        template: {
          metadata: { labels: labelsOf('observer'), annotations: checksumAnnotation(facts.put.observerConfigSha256) },
          spec: buildPod(facts),
        },
      },
    });
    new ApiObject(this, 'daemon-set', withAppArmor(manifest, facts));
  }
}

function buildPod(facts: Facts): k8s.PodSpec {
  const { put, each, when } = facts;
  return {
    serviceAccountName: objectNames.observer,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    hostPid: true,
    priorityClassName: 'system-node-critical',
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ operator: 'Exists' }],
    terminationGracePeriodSeconds: shutdownLimits.terminationGraceSeconds,
    ...pullSecrets(each),
    securityContext: {
      seccompProfile: { type: 'RuntimeDefault' },
      ...(when.seLinux ? { seLinuxOptions: { type: put.seLinuxType } } : {}),
    },
    containers: [buildContainer(facts)],
    volumes: [
      configVolume('observer'),
      hostFolder('proc', hostPaths.proc),
      hostFolder('containerd-root', put.containerdRoot),
      hostFolder('containerd-socket', put.containerdSocketFolder),
      hostFolder('scratch', hostPaths.scratch, 'DirectoryOrCreate'),
      hostFolder('buffer', put.bufferHostPath, 'DirectoryOrCreate'),
      ...authorityVolumes(when),
    ],
  };
}

function buildContainer({ put, when }: Facts): k8s.Container {
  return {
    name: 'observer',
    image: put.observerImage,
    imagePullPolicy: 'IfNotPresent',
    env: [{ name: nodeNameEnv, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } }],
    ports: [telemetryPort],
    ...probes,
    resources: {
      requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('160Mi') },
      limits: { memory: k8s.Quantity.fromString('384Mi') },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['DAC_READ_SEARCH', 'SYS_PTRACE'] },
      readOnlyRootFilesystem: true,
      runAsGroup: 0,
      runAsUser: 0,
    },
    volumeMounts: [
      configMount,
      { name: 'proc', mountPath: put.procRoot, readOnly: true },
      { name: 'containerd-root', mountPath: put.containerdRoot, readOnly: true },
      { name: 'containerd-socket', mountPath: put.containerdSocketFolder, readOnly: true },
      { name: 'scratch', mountPath: mountPaths.scratch },
      { name: 'buffer', mountPath: mountPaths.buffer },
      ...authorityMounts(when),
    ],
  };
}

/** A folder that must be there makes the kubelet say so, where an unchecked one would be made and stay empty. */
function hostFolder(name: string, path: string, type: 'Directory' | 'DirectoryOrCreate' = 'Directory'): k8s.Volume {
  return { name, hostPath: { path, type } };
}

/** The types of Kubernetes 1.28 do not have this field yet; it came with 1.30. */
function withAppArmor(manifest: ReturnType<typeof k8s.KubeDaemonSet.manifest>, { put, when }: Facts) {
  if (!when.appArmor) return manifest;
  const profile = { type: put.appArmorType, ...(when.appArmorLocalhost ? { localhostProfile: put.appArmorLocalhostProfile } : {}) };
  manifest.spec.template.spec.containers[0].securityContext.appArmorProfile = profile;
  return manifest;
}
