/** Labels, selectors and metadata that all objects share (contract section 1). Selectors are immutable: never change them. */
import type { k8s } from 'cdk8s-plus-28';
import type { Component } from '../contract/label-values.ts';
import { namespace, objectNames, partOf } from '../contract/names.ts';

/** The label that Pods are selected by. */
export function selectorOf(component: Component): Record<string, string> {
  return { app: objectNames[component] };
}

export function labelsOf(component: Component): Record<string, string> {
  return { ...selectorOf(component), 'app.kubernetes.io/component': component, 'app.kubernetes.io/part-of': partOf };
}

/** Metadata of an object in our namespace. */
export function namespacedMetadata(component: Component, name: string = objectNames[component]): k8s.ObjectMeta {
  return { name, namespace, labels: labelsOf(component) };
}

/** Metadata of an object that belongs to no namespace. */
export function clusterMetadata(component: Component, name: string): k8s.ObjectMeta {
  return { name, labels: labelsOf(component) };
}

/**
 * Argo CD goes on with these only when all else is healthy: Pods must not wait for a webhook that is not there yet. The observer
 * is one of them, since a node that is ill would hold up the webhook's registration otherwise. Other tools go by the order of kinds.
 */
export const afterWebhook = { 'argocd.argoproj.io/sync-wave': '1' } as const;
