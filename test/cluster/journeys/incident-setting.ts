/** What the incidents share: the alerts, what waits for Scanner, and Pods that start whoever is down. */
import { test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import type { Alerts } from './alerts.ts';
import type { Walk } from './walk.ts';

export interface Incident {
  readonly walk: () => Walk;
  readonly alerts: Alerts;
}

/** An incident that waits for alerts, or for the node: some minutes each, with FULL=1 only. */
export const long = test.runIf(process.env['FULL'] === '1');

/** Never asked about: what starts there waits for no verdict. */
export const unasked = 'kube-public';

/** In place of those that an earlier incident started: Pods of that many containers each. Comes back when each container has started. */
export async function startPods(walk: Walk, prefix: string, pods: number, containers: number, command: readonly string[]): Promise<void> {
  const names = Array.from({ length: pods }, (_, at) => `${prefix}-${at}`);
  const items = names.map((name) => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: unasked },
    spec: { terminationGracePeriodSeconds: 0, restartPolicy: 'Never', containers: Array.from({ length: containers }, (_, at) => ({ name: `c${at}`, image: walk.workloads.payments, command })) },
  }));
  await walk.stage.kubectl('-n', unasked, 'delete', 'pods', '--all', '--force', '--grace-period=0');
  const { code, stderr } = await walk.create({ apiVersion: 'v1', kind: 'List', items });
  if (code !== 0) throw new Error(stderr);
  await eventually(async () => {
    const phases = (await walk.stage.kubectl('-n', unasked, 'get', 'pods', ...names, '-o', 'jsonpath={.items[*].status.phase}')).split(' ');
    if (phases.includes('Pending')) throw new Error(`of ${pods} Pods ${phases.filter((phase) => phase === 'Pending').length} have not started`);
  }, 300);
}

/** Scanner's outage is felt: an event is older than delivery takes. */
export function eventsWait(walk: Walk): Promise<void> {
  return eventually(async () => {
    const age = await walk.ask('max(zastava_runtime_queue_age_seconds)');
    if (age === undefined || age <= 5) throw new Error(`the oldest event waits for ${age} s only`);
  });
}

/** The observer has delivered what it had. */
export function nothingWaits(walk: Walk, seconds = 180): Promise<void> {
  return eventually(async () => {
    // Not what a node said before it lost its power: Prometheus would hold that to be true for five minutes.
    const age = await walk.ask('max(last_over_time(zastava_runtime_queue_age_seconds[20s]))');
    if (age !== 0) throw new Error(`the oldest event waits for ${age} s`);
  }, seconds);
}
