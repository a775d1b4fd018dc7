/**
 * The configuration as one file in the container. A subPath does not follow changes of the ConfigMap, and need not: the
 * checksum on the Pod template makes new Pods instead.
 */
import type { k8s } from 'cdk8s-plus-28';
import type { Component } from '../contract/label-values.ts';
import { configKey, objectNames } from '../contract/names.ts';
import { programPaths } from '../contract/programs.ts';

const name = 'config';

export function configVolume(component: Component): k8s.Volume {
  return { name, configMap: { name: objectNames[component] } };
}

export const configMount: k8s.VolumeMount = { name, mountPath: programPaths.config, subPath: configKey, readOnly: true };

export function checksumAnnotation(sha256: string): Record<string, string> {
  return { 'checksum/config': sha256 };
}
