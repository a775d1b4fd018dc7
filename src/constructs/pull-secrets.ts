/** Secrets that the kubelet pulls the images with. An empty list would be dropped by the API server, and a comparison would see drift. */
import type { k8s } from 'cdk8s-plus-28';
import type { Facts } from './facts.ts';

export function pullSecrets({ pullSecrets }: Facts['each']): Pick<k8s.PodSpec, 'imagePullSecrets'> {
  return pullSecrets.length > 0 ? { imagePullSecrets: pullSecrets.map((name) => ({ name })) } : {};
}
