/**
 * The Secrets by which a program proves itself to Authority, as folders. Only those that the values ask for; a Pod waits
 * for them, but not for the fallback token, which is removed again when Authority is back (runbook 4.1).
 */
import type { k8s } from 'cdk8s-plus-28';
import { mountPaths, secretNames } from '../contract/names.ts';
import type { Facts } from './facts.ts';

/** 0440: root and the Pod's group read it. */
export const secretMode = 0o440;

export function authorityVolumes({ dpop, mutualTls, staticToken }: Facts['when']): k8s.Volume[] {
  return [
    ...(dpop ? [secretVolume('authority-dpop', secretNames.dpop)] : []),
    ...(mutualTls ? [secretVolume('authority-mtls', secretNames.mtls)] : []),
    ...(staticToken ? [{ name: 'authority-static', secret: { secretName: secretNames.static, defaultMode: secretMode, optional: true } }] : []),
  ];
}

export function authorityMounts({ dpop, mutualTls, staticToken }: Facts['when']): k8s.VolumeMount[] {
  return [
    ...(dpop ? [authorityMount('dpop')] : []),
    ...(mutualTls ? [authorityMount('mtls')] : []),
    ...(staticToken ? [authorityMount('static')] : []),
  ];
}

function secretVolume(name: string, secretName: string): k8s.Volume {
  return { name, secret: { secretName, defaultMode: secretMode } };
}

function authorityMount(folder: string): k8s.VolumeMount {
  return { name: `authority-${folder}`, mountPath: `${mountPaths.authority}/${folder}`, readOnly: true };
}
