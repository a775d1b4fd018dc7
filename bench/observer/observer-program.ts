/** The observer as in its image, with the image's environment, on the bench's node, between the doubles of Authority and Scanner. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programEnv } from '../../src/contract/programs.ts';
import { parseRecipe } from '../../src/kit/recipe.ts';
import { Backends } from '../../test/fakes/backends.ts';
import { peer } from '../../test/peers/harness/peers.ts';
import { now, type BenchNode } from './bench-node.ts';

export interface ObserverOptions {
  readonly node: BenchNode;
  readonly folder: string;
  /** Its main file. */
  readonly program: string;
  /** Of Node. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** With this library preloaded, the disk is so slow and the journal of syncs is kept; see c/disk.c. */
  readonly disk?: { readonly library: string; readonly syncMs?: number };
  /** `zastava.observer` over the defaults. */
  readonly settings?: object;
}

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** Of it what is this process's alone; the rest is mapped files, which processes and Pods of one image share. */
  readonly anonymousMiB: number;
  /** The most that it ever had. */
  readonly peakMiB: number;
  readonly at: number;
}

/** The node's folders where a Pod has them mounted: values do not take /proc itself, nor anything below /tmp. */
const mounts = `
  mount -t tmpfs none /srv && mkdir /srv/proc /srv/root /srv/run
  mount --rbind /proc /srv/proc && mount --bind "$1" /srv/root && mount --bind "$2" /srv/run
  shift 2 && exec "$@"`;

/** Ticks a second of /proc, on every Linux that Node runs on. */
const ticksPerSecond = 100;

export class ObserverProgram {
  readonly backends: Backends;
  /** Of /healthz. */
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** Batch id → when its last posting came. */
  readonly #posted: ReadonlyMap<string, number>;

  private constructor(backends: Backends, child: ChildProcess, folder: string, port: number, posted: ReadonlyMap<string, number>) {
    [this.backends, this.#child, this.#folder, this.port, this.#posted] = [backends, child, folder, port, posted];
  }

  static async start({ node, folder, program, flags = [], disk, settings = {}, env: more = {} }: ObserverOptions): Promise<ObserverProgram> {
    mkdirSync(folder, { recursive: true });
    const backends = await Backends.start();
    const posted = new Map<string, number>();
    const { jwks, nonce } = backends.scanner.options;
    backends.scanner.options = {
      ...(jwks && { jwks }), ...(nonce !== undefined && { nonce }),
      answer: ({ path, body }) => {
        if (path.endsWith('/events')) posted.set(/^{"batchId":"([^"]+)"/.exec(body)?.[1] ?? '', now());
        return undefined;
      },
    };
    const { config, env } = backends.program();
    const values = JSON.parse(config) as { zastava: object };
    const observer = { procRoot: '/srv/proc', containerd: { socket: join('/srv/run', basename(node.socket)), root: '/srv/root' }, ...settings };
    writeFileSync(join(folder, 'values.json'), JSON.stringify({ zastava: { ...values.zastava, observer } }));
    const log = openSync(join(folder, 'log'), 'a');
    const child = spawn(peer('unshare'), ['--mount', '--propagation', 'slave', 'sh', '-ec', mounts, 'sh', node.root, dirname(node.socket), process.execPath, ...flags, program], {
      cwd: folder, stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'], ...imageEnv(), [programEnv.config]: join(folder, 'values.json'), [programEnv.telemetryPort]: '0', [programEnv.scratchDir]: folder, [programEnv.bufferDir]: join(folder, 'buffer'), ...env, ...more,
        ...(disk && { LD_PRELOAD: disk.library, ZASTAVA_BENCH_SYNC_JOURNAL: join(folder, 'syncs') }), ...(disk?.syncMs !== undefined && { ZASTAVA_BENCH_SYNC_MS: String(disk.syncMs) }),
      },
    });
    closeSync(log);
    process.on('exit', () => child.kill('SIGKILL'));
    for (let turn = 0; turn < 600 && child.exitCode === null; turn++) {
      const text = readFileSync(join(folder, 'log'), 'utf8');
      const port = /"scope":"telemetry","port":(\d+)/.exec(text)?.[1];
      if (port !== undefined && (await isReady(port))) return new ObserverProgram(backends, child, folder, Number(port), posted);
      await sleep(100);
    }
    child.kill('SIGKILL');
    await backends[Symbol.asyncDispose]();
    throw new Error(`the observer did not become ready: ${readFileSync(join(folder, 'log'), 'utf8')}`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Container id → when the batch with its start came, of batches that Scanner accepted. */
  delivered(): Map<string, number> {
    const delivered = new Map<string, number>();
    for (const { batchId, events } of this.backends.scanner.batches) {
      for (const { event } of events as readonly { event: { kind?: string; workload?: { containerId: string } } }[]) {
        const id = event.workload?.containerId.replace('containerd://', '');
        if (event.kind === 'containerStart' && id !== undefined && !delivered.has(id)) delivered.set(id, this.#posted.get(batchId) ?? Number.NaN);
      }
    }
    return delivered;
  }

  /** Waits until Scanner has the starts of all of them, or nothing more comes for `quietSeconds`. @returns those that it has not */
  async missing(ids: readonly string[], quietSeconds = 15): Promise<string[]> {
    for (let before = -1, since = now(); ;) {
      const delivered = this.delivered();
      const missing = ids.filter((id) => !delivered.has(id));
      if (missing.length !== before) [before, since] = [missing.length, now()];
      if (missing.length === 0 || now() - since > quietSeconds * 1000) return missing;
      await sleep(100);
    }
  }

  /** Container id → when its event was on disk. An id that a page of the log cuts in two is not there. */
  onDisk(): Map<string, number> {
    const path = join(this.#folder, 'syncs');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    const onDisk = new Map<string, number>();
    for (const [seconds, id] of lines.map((line) => line.split(' '))) if (id !== undefined && !onDisk.has(id)) onDisk.set(id, Number(seconds) * 1000);
    return onDisk;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    clearTimeout(impatience);
    await this.backends[Symbol.asyncDispose]();
  }
}

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / ticksPerSecond, rssMiB: mib('VmRSS'), anonymousMiB: mib('RssAnon'), peakMiB: mib('VmHWM'), at: now() };
}

async function isReady(port: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  return answer?.ok === true;
}

function imageEnv(): Readonly<Record<string, string>> {
  const path = join(import.meta.dirname, '../../offline-kit/kit.yaml');
  return parseRecipe(readFileSync(path, 'utf8'), path).images.find(({ name }) => name === 'observer')?.env ?? {};
}
