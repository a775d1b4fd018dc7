/** Every running Pod of a cluster, one page in memory at a time. */
import { Agent, request } from 'undici';
import { checkList, checkObject, type JsonObject } from '../../bytes/json-checks.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { ClusterAccess } from '../cluster/kubeconfig.ts';

/** Pods have at most 1.5 MiB each, and a hundredth of that as a rule. */
const limits = { pagePods: 250, pageBytesMax: 256 * 1024 * 1024, timeoutMs: 60_000 } as const;

/** @throws `cluster.unavailable` */
export async function* listRunningPods(access: ClusterAccess): AsyncGenerator<JsonObject> {
  const dispatcher = new Agent({ connect: access.tls, maxResponseSize: limits.pageBytesMax });
  try {
    let next: string | undefined;
    do {
      const page = await readPage(access, next, dispatcher);
      yield* checkList(page['items'], 'items', []).map((item) => checkObject(item, 'items', []));
      next = continueOf(page);
    } while (next !== undefined);
  } finally {
    await dispatcher.destroy();
  }
}

async function readPage(access: ClusterAccess, next: string | undefined, dispatcher: Agent): Promise<JsonObject> {
  const url = `${access.server.replace(/\/+$/, '')}/api/v1/pods?${new URLSearchParams({ limit: String(limits.pagePods), fieldSelector: 'status.phase=Running', ...(next !== undefined && { continue: next }) })}`;
  const headers = { accept: 'application/json', ...(access.token !== undefined && { authorization: `Bearer ${access.token}` }) };
  let status = 0;
  let page: JsonObject;
  try {
    const response = await request(url, { dispatcher, headers, signal: AbortSignal.timeout(limits.timeoutMs) });
    status = response.statusCode;
    page = checkObject(await response.body.json(), 'page', []);
  } catch (cause) {
    throw new ZastavaError('cluster.unavailable', `the API server ${access.server} cannot be asked for its Pods: ${status === 0 ? (cause as Error).message : `its answer is not JSON (${status})`}`, { cause });
  }
  if (status === 200) return page;
  // The list is too old to go on with; the answer has a token for going on with a newer one.
  const newer = status === 410 ? continueOf(page) : undefined;
  if (newer !== undefined && newer !== next) return readPage(access, newer, dispatcher);
  const message = page['message'];
  throw new ZastavaError('cluster.unavailable', `the API server ${access.server} does not list its Pods (${status}${typeof message === 'string' ? `: ${message.slice(0, 300)}` : ''})`);
}

function continueOf(page: JsonObject): string | undefined {
  const next = checkObject(page['metadata'] ?? {}, 'metadata', [])['continue'];
  return typeof next === 'string' && next !== '' ? next : undefined;
}
