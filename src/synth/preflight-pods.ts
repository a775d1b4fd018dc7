/**
 * Short-lived Pods that look around on each node as the observer would: its image, rights, Secrets and values, taken from the DaemonSet
 * that the same values give. They mount no folder of the host but its processes, and write nothing.
 */
import { App } from 'cdk8s';
import type { Values } from '../config/schema.ts';
import { buildFacts } from '../constructs/facts.ts';
import { addRuntimePlane } from '../constructs/runtime-plane.ts';
import type { ImagesLock } from '../contract/images-lock.ts';
import { configKey, namespace, objectNames, partOf } from '../contract/names.ts';
import { preflightCommand } from '../contract/preflight.ts';

export interface PreflightPod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

interface Named {
  readonly name: string;
}

/** Not the observer's, or its DaemonSet would take the Pods for its own. */
const label = 'zastava-preflight';
const valuesAnnotation = 'zastava-runtime/values';
/** What of the host they leave alone: it may not be there, and the kubelet would make it. */
const leftOut: readonly string[] = ['containerd-root', 'containerd-socket', 'scratch', 'buffer'];

/** Of the observer's objects, what is looked into here. */
interface ObserverObject {
  readonly kind: string;
  readonly metadata: Named;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template: { readonly spec: PodSpec } };
}

interface PodSpec extends Readonly<Record<string, unknown>> {
  readonly containers: readonly (Readonly<Record<string, unknown>> & { readonly volumeMounts: readonly Named[] })[];
  readonly volumes: readonly Named[];
}

/** @param suffix makes the names those of this run; @param seconds after which the cluster itself ends a Pod */
export function buildPreflightPods(values: Values, images: ImagesLock, nodes: readonly string[], { suffix, seconds }: { readonly suffix: string; readonly seconds: number }): PreflightPod[] {
  const objects = addRuntimePlane(new App({ outdir: 'unused', recordConstructMetadata: false }), buildFacts(values, images)).flatMap((chart) => chart.toJson() as ObserverObject[]);
  const observers = (kind: string): ObserverObject => objects.find((object) => object.kind === kind && object.metadata.name === objectNames.observer)!;
  const config = observers('ConfigMap').data?.[configKey] ?? '';
  const spec = withoutHostFolders(observers('DaemonSet').spec!.template.spec, seconds);
  return nodes.map((nodeName, index) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${label}-${suffix}-${index}`, namespace, labels: { 'app': label, 'app.kubernetes.io/part-of': partOf }, annotations: { [valuesAnnotation]: config } },
    spec: { ...spec, nodeName },
  }));
}

/** Runs once, on a node that is named, before ServiceAccount and ConfigMap are there: the values come from the Pod's own annotation. */
function withoutHostFolders({ priorityClassName: _class, nodeSelector: _selector, serviceAccountName: _account, containers, volumes, ...pod }: PodSpec, seconds: number): Readonly<Record<string, unknown>> {
  const { livenessProbe: _live, readinessProbe: _ready, ports: _ports, volumeMounts, ...container } = containers[0]!;
  const kept = (list: readonly Named[]): Named[] => list.filter(({ name }) => !leftOut.includes(name));
  const config = { name: 'config', downwardAPI: { items: [{ path: configKey, fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${valuesAnnotation}']` } }] } };
  return {
    ...pod,
    restartPolicy: 'Never',
    activeDeadlineSeconds: seconds,
    terminationGracePeriodSeconds: 1,
    containers: [{ ...container, command: [objectNames.observer, preflightCommand], volumeMounts: kept(volumeMounts) }],
    volumes: kept(volumes).map((volume) => (volume.name === 'config' ? config : volume)),
  };
}
