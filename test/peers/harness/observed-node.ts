/**
 * A node with a real containerd, on which the observer runs as its own process and tells a double of Scanner. Containers are
 * started through the client (`ctr`) and through the CRI; what is started is kept here, to compare with what the observer said.
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { nodeNameEnv } from '../../../src/contract/names.ts';
import { programEnv } from '../../../src/contract/programs.ts';
import { Backends } from '../../fakes/backends.ts';
import { RuntimeProgram } from '../../fakes/runtime-program.ts';
import { run, succeed } from './commands.ts';
import { type ContainerdOptions, endForgotten, startContainerd } from './containerd.ts';
import { Cri, type Pod, type PodContainer } from './cri.ts';
import { EventJournal } from './event-journal.ts';
import { type ImageDigests, writeImage } from './oci-image.ts';
import { peer, type Peer } from './peers.ts';
import type { Server } from './servers.ts';
import { writeTinyImage } from './tiny-image.ts';
import { buildWorkloads, workloadFiles, workloadNeeds } from './workloads.ts';

export interface Engine {
  readonly title: string;
  readonly containerd: Peer;
  readonly ctr: Peer;
  readonly version: RegExp;
}

export const engines: readonly Engine[] = [
  { title: 'containerd 2.4', containerd: 'containerd2', ctr: 'ctr2', version: /^2\.4\./ },
  { title: "Debian's containerd", containerd: 'containerd', ctr: 'ctr', version: /^1\.6\./ },
];

export function needsOf({ containerd, ctr }: Engine): (Peer | 'root')[] {
  return [containerd, ctr, ...workloadNeeds, 'root', 'runc', 'unshare'];
}

/** What was really asked for. */
export interface StartedContainer {
  readonly id: string;
  readonly via: 'client' | 'cri';
  readonly args: readonly string[];
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly container: string;
  /** Before it was asked for, and after containerd said that it runs. */
  readonly between: readonly [Date, Date];
}

const [imageName, pauseName] = ['registry.test/work:1', 'registry.test/pause:1'];
export const nodeName = 'node-a';

export class ObservedNode {
  readonly engine: Engine;
  readonly socket: string;
  readonly backends: Backends;
  readonly journal: EventJournal;
  readonly imageName = imageName;
  /** Folder with the files of the image. */
  readonly files: string;
  readonly images: ImageDigests;
  /** Everything that was started, in order. */
  readonly started: StartedContainer[] = [];
  /** The observer as it runs now. */
  observer: RuntimeProgram | undefined;
  readonly #folder: string;
  readonly #cri: Cri;
  readonly #pods: Pod[] = [];
  #server: Server;
  #count = 0;

  private constructor(engine: Engine, folder: string, made: { backends: Backends; files: string; images: ImageDigests; server: Server }) {
    [this.engine, this.#folder, this.socket] = [engine, folder, socketOf(folder)];
    [this.backends, this.files, this.images, this.#server] = [made.backends, made.files, made.images, made.server];
    this.#cri = new Cri(this.socket);
    this.journal = new EventJournal(this.backends.scanner);
  }

  /** With the images of the workloads and the pause container, and without an observer. @param folder Not below /tmp, which is the observer's own. */
  static async start(engine: Engine, folder: string, options: Pick<ContainerdOptions, 'hostNetwork'> = {}): Promise<ObservedNode> {
    const files = await buildWorkloads();
    mkdirSync(join(socketOf(folder), '..'));
    // The values refuse the /proc that a container has of its own.
    symlinkSync('/proc', join(folder, 'proc'));
    const [archive, pause] = [join(folder, 'work.tar'), join(folder, 'pause.tar')];
    const images = await writeImage(archive, imageName, workloadFiles(files), { Cmd: ['/app/wait'] });
    await writeTinyImage(pause, pauseName);
    const server = await startContainerd(peer(engine.containerd), folder, socketOf(folder), { ...options, sandboxImage: pauseName });
    const node = new ObservedNode(engine, folder, { backends: await Backends.start(), files, images, server });
    for (const path of [archive, pause]) await node.ctr('images', 'import', path);
    return node;
  }

  ctr(...args: string[]): Promise<string> {
    return succeed(peer(this.engine.ctr), ['--address', this.socket, '--namespace', 'k8s.io', ...args]);
  }

  /** Values of `zastava.observer` that name this node. */
  observerValues(): object {
    return { procRoot: join(this.#folder, 'proc'), flushIntervalSeconds: 1, containerd: { socket: this.socket, root: join(this.#folder, 'root') } };
  }

  /** Starts the observer on the buffer that an earlier one left. @param main The bundled file; default: the sources. */
  startObserver(main?: string, values: object = {}): RuntimeProgram {
    const buffer = join(this.#folder, 'buffer');
    mkdirSync(buffer, { recursive: true });
    const { config, env } = this.backends.program({}, {}, { ...this.observerValues(), ...values });
    this.observer = new RuntimeProgram('observer', { config, env: { ...env, [programEnv.bufferDir]: buffer, [nodeNameEnv]: nodeName }, ...(main !== undefined && { main }) });
    return this.observer;
  }

  /** As the kernel does when memory is short. */
  async killObserver(): Promise<void> {
    this.observer?.signal('SIGKILL');
    await this.observer?.exit();
    this.observer = undefined;
  }

  /** Through the client. @param mode With `--rm` it waits for the end and removes the container; then its exit code must be 0. */
  async startByClient(args: readonly string[], mode: '--detach' | '--rm' = '--detach'): Promise<StartedContainer> {
    const id = `observed-${process.pid}-${this.#count++}`;
    const pod = { namespace: 'payments', name: `pod-${id}`, uid: `uid-${id}` };
    const labels = { 'io.kubernetes.pod.namespace': pod.namespace, 'io.kubernetes.pod.name': pod.name, 'io.kubernetes.pod.uid': pod.uid, 'io.kubernetes.container.name': 'work' };
    const from = new Date();
    await this.ctr('run', mode, ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]), imageName, id, ...args);
    return this.#keep({ id, via: 'client', args, pod, container: 'work', between: [from, new Date()] });
  }

  async runPod(namespace: string, name: string, options: Pick<Pod, 'hostPid' | 'logs'> = {}): Promise<Pod> {
    const pod = await this.#cri.runPod({ namespace, name, uid: `uid-${name}`, ...options });
    this.#pods.push(pod);
    return pod;
  }

  /** Through the CRI, in a Pod of `runPod`. @returns once containerd has answered. */
  startByCri(pod: Pod, args: readonly string[], user?: number): Promise<StartedContainer> {
    return this.startContainer(pod, { name: `work-${this.#count++}`, image: imageName, command: args, ...(user !== undefined && { user }) });
  }

  async startContainer(pod: Pod, container: PodContainer): Promise<StartedContainer> {
    const from = new Date();
    const id = await this.#cri.runContainer(pod, container);
    return this.#keep({ id, via: 'cri', args: container.command, pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid }, container: container.name, between: [from, new Date()] });
  }

  #keep(started: StartedContainer): StartedContainer {
    this.started.push(started);
    return started;
  }

  /** Container → pid and state of all tasks, as containerd has them. */
  async tasks(): Promise<Map<string, { readonly pid: number; readonly state: string }>> {
    const lines = (await this.ctr('tasks', 'list')).trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/));
    return new Map(lines.map(([id = '', pid, state = '']) => [id, { pid: Number(pid), state }]));
  }

  async stopContainerd(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    process.kill(this.#server.pid, signal);
    await this.#server.stop();
  }

  async startContainerd(): Promise<void> {
    this.#server = await startContainerd(peer(this.engine.containerd), this.#folder, this.socket, { sandboxImage: pauseName });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.observer?.[Symbol.asyncDispose]();
    for (const pod of this.#pods) await this.#cri.removePod(pod).catch(() => undefined);
    this.#cri.close();
    await inTurns([...(await this.tasks()).keys()], 8, (id) => run(peer(this.engine.ctr), ['--address', this.socket, '--namespace', 'k8s.io', 'tasks', 'delete', '--force', id]));
    await this.#server.stop();
    await endForgotten(this.socket);
    await this.backends[Symbol.asyncDispose]();
  }
}

/** Does something for each, so many at a time. */
export async function inTurns<T>(items: readonly T[], width: number, work: (item: T, at: number) => Promise<unknown>): Promise<void> {
  const left = [...items.entries()];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let next = left.shift(); next; next = left.shift()) await work(next[1], next[0]);
  }));
}

function socketOf(folder: string): string {
  return join(folder, 'run', 'containerd.sock');
}
