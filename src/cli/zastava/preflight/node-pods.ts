/** Runs one short-lived Pod on each node and gathers what they found; whatever happens, the Pods are deleted. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkList, checkObject, type JsonObject } from '../../../bytes/json-checks.ts';
import { preflightOutcomes, type PreflightFinding, type PreflightLine } from '../../../contract/preflight.ts';
import { messageOf, type ApiServer } from '../../cluster/api-server.ts';
import type { PreflightPod } from '../../../synth/preflight-pods.ts';

export interface NodeFindings {
  readonly node: string;
  readonly findings: readonly PreflightFinding[];
}

const lookMs = 1000;
/** What a container waits for that does not go away by waiting. */
const stuck: readonly unknown[] = ['ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];
const check = 'Pod on the node';

export function podSuffix(): string {
  return randomBytes(3).toString('hex');
}

/** @param onDone is called with how many Pods have ended */
export async function runOnNodes(api: ApiServer, pods: readonly { readonly node: string; readonly pod: PreflightPod }[], seconds: number, onDone: (count: number) => void): Promise<NodeFindings[]> {
  let done = 0;
  const stop = (): void => void Promise.allSettled(pods.map(({ pod }) => remove(api, pod))).then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await Promise.all(pods.map(async ({ node, pod }) => {
      const findings = await runPod(api, pod, seconds).finally(() => remove(api, pod));
      onDone(++done);
      return { node, findings };
    }));
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function pathOf({ metadata: { name, namespace } }: PreflightPod, rest = ''): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}${rest}`;
}

async function remove(api: ApiServer, pod: PreflightPod): Promise<void> {
  await api.call('DELETE', pathOf(pod), { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 }).catch(() => undefined);
}

async function runPod(api: ApiServer, pod: PreflightPod, seconds: number): Promise<readonly PreflightFinding[]> {
  const made = await api.call('POST', `/api/v1/namespaces/${pod.metadata.namespace}/pods`, pod);
  if (made.status !== 201) return [{ check, outcome: 'failed', found: `is refused (${messageOf(made)})`, todo: 'the observer would be, too: see the Pod Security Standard and the policies of the namespace' }];
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const { status, body } = await api.call('GET', pathOf(pod));
    if (status !== 200) return [{ check, outcome: 'unknown', found: `was gone before it had ended (${status})` }];
    const state = checkObject(body['status'] ?? {}, 'status', []);
    if (state['phase'] === 'Succeeded' || state['phase'] === 'Failed') return readFindings(api, pod, state);
    if (performance.now() > end || stuck.includes(waitingOf(state)['reason'])) return [await describeStanding(api, pod, state)];
    await sleep(lookMs);
  }
}

async function readFindings(api: ApiServer, pod: PreflightPod, state: JsonObject): Promise<readonly PreflightFinding[]> {
  const { text } = await api.call('GET', pathOf(pod, '/log'));
  for (const line of text.split('\n').reverse()) {
    const findings = parseLine(line);
    if (findings) return findings;
  }
  const reason = [state['reason'], state['message'], text.trim().split('\n').at(-1)].filter((part) => typeof part === 'string' && part !== '').join('; ');
  return [{ check, outcome: 'failed', found: `ended without findings: ${oneLine(reason)}`, todo: 'is the image that of this version?' }];
}

/** What a Pod prints is looked at as anything foreign is. */
function parseLine(line: string): PreflightFinding[] | undefined {
  if (!line.startsWith('{"preflight":')) return undefined;
  try {
    const { preflight } = JSON.parse(line) as PreflightLine;
    return preflight.map(({ check: what, outcome, found, todo }) => ({
      check: oneLine(what), outcome: preflightOutcomes.find((known) => known === outcome) ?? 'unknown', found: oneLine(found), ...(typeof todo === 'string' && { todo: oneLine(todo) }),
    }));
  } catch {
    return undefined;
  }
}

/** Why it has not run: what its container waits for, or the last that the kubelet said about it. */
async function describeStanding(api: ApiServer, pod: PreflightPod, state: JsonObject): Promise<PreflightFinding> {
  const waiting = waitingOf(state);
  const { metadata: { name, namespace } } = pod;
  const { body } = await api.call('GET', `/api/v1/namespaces/${namespace}/events?fieldSelector=${encodeURIComponent(`involvedObject.name=${name},type=Warning`)}`);
  const event = checkList(body['items'], 'items', []).map((each) => checkObject(each, 'event', [])).at(-1);
  const reason = [waiting['reason'], waiting['message'], event?.['reason'], event?.['message']].filter((part) => typeof part === 'string' && part !== '').join(': ');
  if (reason === '') return { check, outcome: 'unknown', found: 'has not begun in the time given', todo: 'is the kubelet of the node well? --timeout gives more time' };
  const todo = /Image|Pull/.test(reason) ? 'the node cannot pull the image: see zastava.images.registry and pullSecrets, and the registry\'s authority in the node\'s containerd' : 'the observer would not begin, either';
  return { check, outcome: 'failed', found: oneLine(reason), todo };
}

function waitingOf(state: JsonObject): JsonObject {
  const [container] = checkList(state['containerStatuses'], 'containerStatuses', []).map((each) => checkObject(each, 'container', []));
  return checkObject(checkObject(container?.['state'] ?? {}, 'state', [])['waiting'] ?? {}, 'waiting', []);
}

function oneLine(text: unknown): string {
  return String(text).replaceAll(/[^\x20-\x7e]+/g, ' ').trim().slice(0, 1000);
}
