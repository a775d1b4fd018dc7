/** In place of nodes: says of the workloads in an API server that they run, as the controllers of a real cluster would. */
import { setTimeout as sleep } from 'node:timers/promises';
import { namespace, objectNames } from '../../../src/contract/names.ts';
import type { KubeApiServer } from './kube-apiserver.ts';

interface Workload {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly observedGeneration?: number };
}

const workloads = {
  [`policy/v1 poddisruptionbudgets/${objectNames.webhook}`]: () => ({
    currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 1, expectedPods: 1,
    conditions: [{ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  }),
  [`apps/v1 daemonsets/${objectNames.observer}`]: () => ({ currentNumberScheduled: 1, desiredNumberScheduled: 1, numberAvailable: 1, numberMisscheduled: 0, numberReady: 1, updatedNumberScheduled: 1 }),
  [`apps/v1 deployments/${objectNames.webhook}`]: (replicas: number) => ({ replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas }),
} as const;

/** From now until `stop` everything is healthy, a moment after it was changed. */
export function runWorkloads(api: KubeApiServer): { stop: () => Promise<void> } {
  const end = new AbortController();
  const loop = (async () => {
    for (; !end.signal.aborted; await sleep(300)) {
      for (const [path, statusOf] of Object.entries(workloads)) {
        const [group, resource] = path.split(' ');
        const url = `/apis/${group}/namespaces/${namespace}/${resource}`;
        const { status, body } = await api.call('GET', url);
        const { metadata, spec, status: now } = body as unknown as Workload;
        if (status !== 200 || now?.observedGeneration === metadata.generation) continue;
        await api.call('PATCH', `${url}/status`, { status: { observedGeneration: metadata.generation, ...statusOf(spec.replicas ?? 1) } }, { type: 'application/merge-patch+json' });
      }
    }
  })();
  return {
    stop: () => {
      end.abort();
      return loop;
    },
  };
}
