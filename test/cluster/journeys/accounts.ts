/** What ran in the cluster, held against what Scanner knows and what it was told to miss. */
import type { Gap, RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { eventually } from '../../peers/harness/commands.ts';
import type { Walk } from './walk.ts';

interface Ended {
  readonly containerID: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

interface ContainerStatus {
  readonly containerID?: string;
  readonly state: { readonly running?: { readonly startedAt: string }; readonly terminated?: Ended };
  readonly lastState: { readonly terminated?: Ended };
}

interface Ran {
  readonly pod: string;
  readonly id: string;
  /** Milliseconds since 1970, in whole seconds as Kubernetes says it. */
  readonly started: number;
  readonly hasEnded: boolean;
}

const lists = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'];

async function listRan({ stage }: Walk, namespace: string): Promise<Ran[]> {
  const { items } = JSON.parse(await stage.kubectl('-n', namespace, 'get', 'pods', '-o', 'json')) as { items: { metadata: { name: string }; status: Record<string, ContainerStatus[] | undefined> }[] };
  return items.flatMap(({ metadata, status }) => lists.flatMap((list) => status[list] ?? []).flatMap(({ containerID = '', state, lastState }) => [
    ...(state.running ? [{ pod: metadata.name, id: containerID, started: Date.parse(state.running.startedAt), hasEnded: false }] : []),
    // One that could not be started has no start.
    ...[state.terminated, lastState.terminated].flatMap((ended) => (ended && Date.parse(ended.startedAt) > 0 ? [{ pod: metadata.name, id: ended.containerID, started: Date.parse(ended.startedAt), hasEnded: true }] : [])),
  ]));
}

/** Those whose start Scanner was not told of, and how many there are in all. */
async function findUnknown(walk: Walk, namespace: string): Promise<{ readonly unknown: Ran[]; readonly ran: number }> {
  const ran = await listRan(walk, namespace);
  const known = new Set(walk.stage.journal<RuntimeEvent>('events').filter(({ kind }) => kind === 'containerStart').map(({ workload }) => workload.containerId));
  return { unknown: ran.filter(({ id }) => !known.has(id)), ran: ran.length };
}

/** One of the gaps is about that start. What still runs cannot be missed for want of a stream: it is there to be seen. */
function isDeclared({ started, hasEnded }: Ran, gaps: readonly Gap[]): boolean {
  return gaps.some(({ reason, from, to }) => (hasEnded || reason !== 'streamLost') && Date.parse(from) <= started + 2000 && Date.parse(to) >= started - 1000);
}

export interface Accounts {
  /** Containers that ran. */
  readonly ran: number;
  /** Of these, unknown to Scanner, which was told so. */
  readonly declared: number;
}

/**
 * Waits until every container of the namespace is known or its loss declared; gaps that say how many they miss account for no more than that.
 * @param gapsBefore how many gaps were declared before the first of the containers started
 */
export function everythingAccounted(walk: Walk, namespace: string, gapsBefore: number, seconds = 120): Promise<Accounts> {
  return eventually(async () => {
    const { unknown, ran } = await findUnknown(walk, namespace);
    const gaps = walk.stage.journal<Gap>('gaps').slice(gapsBefore);
    const undeclared = unknown.filter((each) => !isDeclared(each, gaps));
    if (undeclared.length > 0) throw new Error(`neither known to Scanner nor declared: ${say(undeclared)}`);
    const counted = unknown.filter((each) => !isDeclared(each, gaps.filter(({ count }) => count === 0)));
    const missed = gaps.reduce((sum, { count }) => sum + count, 0);
    if (counted.length > missed) throw new Error(`unknown to Scanner, and of these only ${missed} declared: ${say(counted)}`);
    return { ran, declared: unknown.length };
  }, seconds);
}

/** Waits until every container of the namespace is known, whatever was declared. @returns how many there are */
export function everythingKnown(walk: Walk, namespace: string, seconds = 120): Promise<number> {
  return eventually(async () => {
    const { unknown, ran } = await findUnknown(walk, namespace);
    if (unknown.length > 0) throw new Error(`not known to Scanner: ${say(unknown)}`);
    return ran;
  }, seconds);
}

function say(containers: readonly Ran[]): string {
  return containers.map(({ pod, id, started }) => `${pod} ${id.slice(0, 24)} ${new Date(started).toISOString()}`).join(', ');
}
