/** A containerd of the tests: the same API on a socket of its own, told by the test what runs and what happens. */
import { createHash } from 'node:crypto';
import { mkdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream, type ServiceDefinition } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { type Container, containerdProtocol, type Envelope, type Mount, type Target, type Task } from '../../src/runtime/observer/sources/containerd-protocol.ts';

const notFound = { code: status.NOT_FOUND, details: 'not found' };
type Answer = (request: Record<string, string>) => object | undefined;

export class FakeContainerd {
  readonly socket: string;
  readonly root: string;
  readonly containers = new Map<string, Container>();
  readonly tasks = new Map<string, Task>();
  readonly images = new Map<string, Target>();
  readonly mounts = new Map<string, readonly Mount[]>();
  /** Methods in the order of their calls. */
  readonly calls: string[] = [];
  /** What Introspection says; by default that this process is containerd. */
  pidns = Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0]);
  /** Called before the answer to a method, to hold it up or to let something happen first. */
  before: (method: string) => Promise<void> | void = () => {};
  /** Subscriptions stand only after so many probes: real ones stand some time after they were asked for. */
  deafFor = 0;
  #streams = new Set<ServerWritableStream<object, object>>();
  #server: Server | undefined;

  constructor(folder: string) {
    this.socket = join(folder, 'run/containerd.sock');
    mkdirSync(join(folder, 'run'), { recursive: true });
    this.root = join(folder, 'root');
    mkdirSync(join(this.root, 'io.containerd.content.v1.content/blobs/sha256'), { recursive: true });
  }

  async start(): Promise<void> {
    const server = new Server();
    const unary: Record<string, Answer> = {
      'containerd.services.tasks.v1.Tasks/Get': ({ containerId }) => this.tasks.has(containerId!) ? { process: this.tasks.get(containerId!) } : undefined,
      'containerd.services.tasks.v1.Tasks/List': () => ({ tasks: [...this.tasks.values()] }),
      'containerd.services.containers.v1.Containers/Get': ({ id }) => this.containers.has(id!) ? { container: this.containers.get(id!) } : undefined,
      'containerd.services.images.v1.Images/Get': ({ name }) => this.images.has(name!) ? { image: { name, target: this.images.get(name!) } } : undefined,
      'containerd.services.snapshots.v1.Snapshots/Mounts': ({ key }) => this.mounts.has(key!) ? { mounts: this.mounts.get(key!) } : undefined,
      'containerd.services.version.v1.Version/Version': () => ({ version: 'v2.4.9' }),
      'containerd.services.introspection.v1.Introspection/Server': () => ({ uuid: 'x', pid: process.pid, pidns: this.pidns }),
      'containerd.services.events.v1.Events/Publish': (request) => {
        if (this.deafFor-- <= 0) this.send({ timestamp: timestampOf(new Date()), namespace: 'k8s.io', ...request } as unknown as Envelope);
        return {};
      },
    };
    for (const [name, definition] of Object.entries(containerdProtocol)) {
      if ('format' in definition) continue;
      server.addService(definition as ServiceDefinition, Object.fromEntries(Object.keys(definition).map((method) => [method, this.#handler(`${name}/${method}`, unary)])));
    }
    await new Promise<void>((resolve, reject) => server.bindAsync(`unix://${this.socket}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
    this.#server = server;
  }

  /** As when containerd is killed: tasks and containers live on. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#streams.clear();
    rmSync(this.socket, { force: true });
  }

  /** Ends the streams of events, and nothing else. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  get subscribers(): number {
    return this.#streams.size;
  }

  send(envelope: Envelope): void {
    for (const stream of this.#streams) stream.write(envelope);
  }

  /** @param type Name below `containerd.events`. */
  tell(topic: string, type: string, event: object, at = new Date()): void {
    const { serialize } = containerdProtocol[`containerd.events.${type}`] as MessageTypeDefinition<object, object>;
    this.send({ timestamp: timestampOf(at), namespace: 'k8s.io', topic, event: { typeUrl: `containerd.events.${type}`, value: serialize(event) } });
  }

  /** Something that runs, of which nothing is told. */
  add(id: string, pid: number, container: Partial<Container> = {}): void {
    const spec = { process: { args: ['/app', id], env: ['A=b'], cwd: '/srv' } };
    const labels = { 'io.kubernetes.pod.namespace': 'payments', 'io.kubernetes.pod.name': 'api-1', 'io.kubernetes.pod.uid': 'uid-1', 'io.kubernetes.container.name': 'api' };
    this.containers.set(id, { id, labels, image: 'registry.test/api:1', spec: { typeUrl: 'spec', value: Buffer.from(JSON.stringify(spec)) }, snapshotter: 'overlayfs', snapshotKey: id, extensions: {}, ...container });
    this.tasks.set(id, { id, pid, status: 2, exitStatus: 0, exitedAt: null });
  }

  startContainer(id: string, pid: number, container: Partial<Container> = {}): void {
    this.add(id, pid, container);
    this.tell('/tasks/start', 'TaskStart', { containerId: id, pid });
  }

  /** @param told Whether anybody hears of it. */
  stopContainer(id: string, exitStatus = 0, told = true): void {
    const { pid } = this.tasks.get(id)!;
    this.tasks.delete(id);
    this.containers.delete(id);
    if (told) this.tell('/tasks/exit', 'TaskExit', { containerId: id, id, pid, exitStatus, exitedAt: timestampOf(new Date()) });
  }

  /** Puts a document into the content store. */
  put(document: unknown, mediaType: string): Target {
    const bytes = Buffer.from(JSON.stringify(document));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(this.root, 'io.containerd.content.v1.content/blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  }

  #handler(name: string, unary: Readonly<Record<string, Answer>>) {
    const answer = unary[name];
    if (!answer) {
      return (stream: ServerWritableStream<object, object>): void => {
        this.calls.push(name);
        this.#streams.add(stream);
        stream.on('cancelled', () => this.#streams.delete(stream));
      };
    }
    return async (call: ServerUnaryCall<Record<string, string>, object>, done: sendUnaryData<object>): Promise<void> => {
      this.calls.push(name);
      if (!name.includes('.introspection.') && !name.includes('.version.') && call.metadata.get('containerd-namespace')[0] !== 'k8s.io') return done({ code: status.FAILED_PRECONDITION, details: 'namespace is required' });
      await this.before(name);
      const value = answer(call.request);
      done(value ? null : notFound, value);
    };
  }
}

export function timestampOf(at: Date): { seconds: number; nanos: number } {
  return { seconds: Math.floor(at.getTime() / 1000), nanos: (at.getTime() % 1000) * 1e6 };
}
