/** A node of the bench's own: a real containerd, `ctr events` beside it, and programs that start containers fast. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { run, succeed } from '../../test/peers/harness/commands.ts';
import { startContainerd } from '../../test/peers/harness/containerd.ts';
import { peer } from '../../test/peers/harness/peers.ts';
import type { Server } from '../../test/peers/harness/servers.ts';
import { writeTinyImage } from '../../test/peers/harness/tiny-image.ts';
import { buildStarter, compile } from './programs.ts';

const image = 'registry.test/tiny:1';

/** Milliseconds since 1970, with fractions: the clock of containerd's timestamps. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export interface SeenStart {
  /** containerd's own time of the start. */
  readonly at: number;
  /** When the line of `ctr events` was here. */
  readonly seenAt: number;
}

export class BenchNode {
  readonly socket: string;
  readonly root: string;
  /** What `ctr events` told, by container id. */
  readonly starts = new Map<string, SeenStart>();
  readonly #folder: string;
  readonly #runtime: string;
  #containerd: Server | undefined;
  #events: ChildProcess | undefined;
  readonly #starters: Starter[] = [];

  private constructor(folder: string) {
    [this.#folder, this.socket, this.root] = [folder, join(folder, 'containerd.sock'), join(folder, 'root')];
    this.#runtime = compile('runtime', folder);
  }

  static async start(folder: string): Promise<BenchNode> {
    mkdirSync(folder);
    const node = new BenchNode(folder);
    try {
      await writeTinyImage(join(folder, 'tiny.tar'), image);
      node.#containerd = await startContainerd(peer('containerd2'), folder, node.socket);
      await node.ctr('images', 'import', join(folder, 'tiny.tar'));
      await node.#watch();
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** Of `ctr events`. */
  get eventsPid(): number {
    return this.#events?.pid ?? 0;
  }

  ctr(...args: string[]): Promise<string> {
    return succeed(peer('ctr2'), ['--address', this.socket, '--namespace', 'k8s.io', ...args]);
  }

  /** @param prefix of the names of its containers; runc keeps them outside of the node's folder */
  async starter(prefix: string): Promise<Starter> {
    const starter = new Starter(spawn(buildStarter(), ['-address', this.socket, '-image', image, '-prefix', prefix, '-runtime', this.#runtime], { stdio: ['pipe', 'pipe', 'inherit'] }), prefix);
    this.#starters.push(starter);
    await starter.line();
    return starter;
  }

  async stop(): Promise<void> {
    for (const starter of this.#starters) await starter.end().catch(() => undefined);
    this.#events?.kill('SIGKILL');
    await this.#containerd?.stop();
    for (const pid of leftOvers(this.#folder)) process.kill(pid, 'SIGKILL');
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '').filter((point) => point.startsWith(`${this.#folder}/`));
    for (const point of mounts.toReversed()) await run('umount', ['-l', point]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #watch(): Promise<void> {
    process.on('exit', () => this.#events?.kill('SIGKILL'));
    this.#events = spawn(peer('ctr2'), ['--address', this.socket, '--namespace', 'k8s.io', 'events'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const first = Promise.withResolvers<void>();
    createInterface({ input: this.#events.stdout! }).on('line', (line) => {
      const seenAt = now();
      const [day, time, , , , topic] = line.split(' ', 6);
      first.resolve();
      if (topic !== '/tasks/start') return;
      const id = /"container_id":"([^"]+)"/.exec(line)?.[1];
      if (id !== undefined) this.starts.set(id, { at: timeOf(`${day}T${time}`), seenAt });
    });
    // It is there when it has told of something.
    const ask = setInterval(() => void this.ctr('namespaces', 'label', 'k8s.io', `bench=${Date.now()}`), 500);
    await first.promise.finally(() => clearInterval(ask));
  }
}

/** Shims and containers that are left when a run was broken off. */
function leftOvers(folder: string): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => {
    try {
      const words = pid > 0 ? readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0') : [''];
      const isShim = words[0]!.endsWith('/containerd-shim-runc-v2') && words.some((word) => word.startsWith(`${folder}/`));
      return isShim || words[0]!.startsWith(`${folder}/`) || (pid > 0 && readlinkSync(`/proc/${pid}/root`).startsWith(`${folder}/`));
    } catch {
      return false;
    }
  });
}

/** With all nine digits of the second. */
function timeOf(text: string): number {
  const [seconds = '', fraction = '0'] = text.split('.');
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000;
}

export class Starter {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #prefix: string;
  #count = 0;

  constructor(child: ChildProcess, prefix: string) {
    [this.#child, this.#prefix] = [child, prefix];
    this.#lines = createInterface({ input: child.stdout! });
  }

  /** Makes containers whose programs are not started yet. @returns their ids */
  async create(count: number): Promise<string[]> {
    this.#child.stdin!.write(`create ${count}\n`);
    await this.line();
    const from = this.#count;
    this.#count += count;
    return Array.from({ length: count }, (_, at) => `${this.#prefix}-${from + at}`);
  }

  /** Starts them. @param rate a second; 0: as fast as it goes. @returns the seconds that it took */
  async start(rate: number): Promise<number> {
    this.#child.stdin!.write(`start ${rate}\n`);
    return Number(await this.line());
  }

  /** Kills and removes its containers. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin!.end();
    await once(this.#child, 'close');
  }

  async line(): Promise<string> {
    const ended = once(this.#child, 'close').then(([code]) => {
      throw new Error(`the starter ended with ${code}`);
    });
    ended.catch(() => undefined);
    const [line] = (await Promise.race([once(this.#lines, 'line'), ended])) as [string];
    return line;
  }
}
