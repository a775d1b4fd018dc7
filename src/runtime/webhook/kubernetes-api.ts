/**
 * The few calls that the webhook makes to the API server, as its ServiceAccount: the token and the authority that the kubelet
 * mounts, read anew for each call, since the token changes hourly and the authority when the cluster's is rotated.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { ZastavaError } from '../../contract/errors.ts';
import { programEnv, programPaths } from '../../contract/programs.ts';

export interface KubernetesApi {
  /** @returns status and body; only `cluster.unavailable` is thrown */
  call(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<{ readonly status: number; readonly body: unknown }>;
}

const answerBytesMax = 4 * 1024 * 1024;
const timeoutMs = 10_000;

/** Undefined outside a cluster, or in a Pod without a token. */
export async function openKubernetesApi(env: NodeJS.ProcessEnv): Promise<KubernetesApi | undefined> {
  const [host, port] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const folder = env[programEnv.serviceAccountDir] ?? programPaths.serviceAccountDir;
  const readMounted = async (name: 'ca.crt' | 'token'): Promise<string> => (await readFile(join(folder, name), 'utf8')).trim();
  const mounted = await readMounted('token').then(() => true, () => false);
  if (!host || !port || !mounted) return undefined;
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  let trusted: { readonly ca: string; readonly dispatcher: Agent } | undefined;

  function dispatcherFor(ca: string): Agent {
    if (trusted?.ca === ca) return trusted.dispatcher;
    void trusted?.dispatcher.close();
    trusted = { ca, dispatcher: new Agent({ connect: { ca, timeout: timeoutMs }, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, keepAliveTimeout: timeoutMs }) };
    return trusted.dispatcher;
  }

  return {
    async call(method, path, body) {
      try {
        const [token, dispatcher] = [await readMounted('token'), dispatcherFor(await readMounted('ca.crt'))];
        const headers = { authorization: `Bearer ${token}`, accept: 'application/json', ...(body && { 'content-type': 'application/json' }) };
        const response = await request(origin + path, { method, headers, dispatcher, signal: AbortSignal.timeout(timeoutMs), ...(body && { body: JSON.stringify(body) }) });
        const chunks: Buffer[] = [];
        let size = 0;
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          if ((size += chunk.length) > answerBytesMax) throw new Error(`an answer of more than ${answerBytesMax} bytes`);
          chunks.push(chunk);
        }
        return { status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString('utf8') || 'null') as unknown };
      } catch (cause) {
        throw new ZastavaError('cluster.unavailable', `the API server cannot be asked: ${(cause as Error).message}`, { cause });
      }
    },
  };
}
