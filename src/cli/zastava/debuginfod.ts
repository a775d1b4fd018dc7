/**
 * A debug store as debuginfod serves it (elfutils, debuginfod(8)): `/buildid/<hex>/debuginfo` and `/executable`, and its own
 * counts at `/metrics`. It gives a file only under the build-id that the file itself has, so a link or a wrong name leads nowhere else.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { isBuildId } from '../../contract/debug-store.ts';
import { openFromStore, type Artifact } from '../../kit/debug/debug-folder.ts';

const requestPath = /^\/buildid\/([0-9a-f]+)\/(debuginfo|executable)$/;
const textType = 'text/plain; charset=utf-8';

export function createDebuginfod(folders: readonly string[], onError: (error: unknown) => void): Server {
  const counts = new Map<string, number>();
  const count = (name: string, by: number): void => void counts.set(name, (counts.get(name) ?? 0) + by);
  return createServer((request, response) => {
    response.once('close', () => count(`zastava_debug_responses_total{code="${response.statusCode}"}`, 1));
    answer(request, response).catch((error: unknown) => {
      // A client that goes away in the middle is no failure of ours.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') onError(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'the file cannot be read');
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'only GET and HEAD');
    const [path = ''] = url.split('?', 1);
    if (path === '/metrics') return void response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(renderCounts(counts));
    const [, buildId = '', artifact = ''] = requestPath.exec(path) ?? [];
    if (!isBuildId(buildId)) return refuse(response, 404, 'no such resource: /buildid/<lowercase hex>/debuginfo or /executable');
    await using elf = await openFromStore(folders, buildId, artifact as Artifact);
    if (elf === undefined) return refuse(response, 404, `no ${artifact} of this build-id here`);
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': elf.size, 'x-debuginfod-size': elf.size, 'x-debuginfod-file': buildId });
    if (method === 'HEAD' || elf.size === 0) return void response.end();
    await pipeline(elf.handle.createReadStream({ autoClose: false, start: 0, end: elf.size - 1 }), response);
    count('zastava_debug_sent_bytes_total', elf.size);
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': textType }).end(`${why}\n`);
}

function renderCounts(counts: ReadonlyMap<string, number>): string {
  const names = ['zastava_debug_responses_total', 'zastava_debug_sent_bytes_total'];
  return names.flatMap((name) => [`# TYPE ${name} counter`, ...[...counts].filter(([key]) => key.startsWith(name)).toSorted().map(([key, value]) => `${key} ${value}`)]).join('\n') + '\n';
}
