/**
 * The part of containerd's API that reading needs, as a protobuf JSON descriptor: what is not here cannot be called. All
 * methods read, but for Events.Publish, which carries the observer's own probe (containerd's api/ protos; field numbers are
 * the same from 1.6 to 2.x).
 */
import { fromJSON, type MessageTypeDefinition, type MethodDefinition } from '@grpc/proto-loader';

type Fields = Readonly<Record<string, readonly [type: string, id: number, rule?: 'repeated' | 'map']>>;

function message(fields: Fields): object {
  const entries = Object.entries(fields).map(([name, [type, id, rule]]) => [
    name, { type, id, ...(rule === 'repeated' && { rule }), ...(rule === 'map' && { keyType: 'string' }) },
  ]);
  return { fields: Object.fromEntries(entries) as object };
}

function service(methods: Readonly<Record<string, readonly [request: string, response: string, stream?: 'stream']>>): object {
  const entries = Object.entries(methods).map(([name, [requestType, responseType, stream]]) => [
    name, { requestType, responseType, ...(stream && { responseStream: true }) },
  ]);
  return { methods: Object.fromEntries(entries) as object };
}

const any = '.google.protobuf.Any';
const empty = '.google.protobuf.Empty';
const timestamp = '.google.protobuf.Timestamp';
const mount = '.containerd.types.Mount';
const task = '.containerd.v1.types.Process';

const google = {
  Any: message({ typeUrl: ['string', 1], value: ['bytes', 2] }),
  Timestamp: message({ seconds: ['int64', 1], nanos: ['int32', 2] }),
  Empty: message({}),
};

const services = {
  events: {
    Envelope: message({ timestamp: [timestamp, 1], namespace: ['string', 2], topic: ['string', 3], event: [any, 4] }),
    SubscribeRequest: message({ filters: ['string', 1, 'repeated'] }),
    PublishRequest: message({ topic: ['string', 1], event: [any, 2] }),
    Events: service({ Subscribe: ['SubscribeRequest', 'Envelope', 'stream'], Publish: ['PublishRequest', empty] }),
  },
  tasks: {
    GetRequest: message({ containerId: ['string', 1] }),
    GetResponse: message({ process: [task, 1] }),
    ListTasksRequest: message({}),
    ListTasksResponse: message({ tasks: [task, 1, 'repeated'] }),
    Tasks: service({ Get: ['GetRequest', 'GetResponse'], List: ['ListTasksRequest', 'ListTasksResponse'] }),
  },
  containers: {
    Container: message({
      id: ['string', 1], labels: ['string', 2, 'map'], image: ['string', 3], spec: [any, 5], snapshotter: ['string', 6], snapshotKey: ['string', 7],
      extensions: [any, 10, 'map'],
    }),
    GetContainerRequest: message({ id: ['string', 1] }),
    GetContainerResponse: message({ container: ['Container', 1] }),
    Containers: service({ Get: ['GetContainerRequest', 'GetContainerResponse'] }),
  },
  images: {
    Image: message({ name: ['string', 1], target: ['.containerd.types.Descriptor', 3] }),
    GetImageRequest: message({ name: ['string', 1] }),
    GetImageResponse: message({ image: ['Image', 1] }),
    Images: service({ Get: ['GetImageRequest', 'GetImageResponse'] }),
  },
  snapshots: {
    MountsRequest: message({ snapshotter: ['string', 1], key: ['string', 2] }),
    MountsResponse: message({ mounts: [mount, 1, 'repeated'] }),
    Snapshots: service({ Mounts: ['MountsRequest', 'MountsResponse'] }),
  },
  version: {
    VersionResponse: message({ version: ['string', 1], revision: ['string', 2] }),
    Version: service({ Version: [empty, 'VersionResponse'] }),
  },
  introspection: {
    ServerResponse: message({ uuid: ['string', 1], pid: ['uint64', 2], pidns: ['uint64', 3] }),
    Introspection: service({ Server: [empty, 'ServerResponse'] }),
  },
};

const events = {
  TaskCreate: message({ containerId: ['string', 1], rootfs: [mount, 3, 'repeated'], pid: ['uint32', 6] }),
  TaskStart: message({ containerId: ['string', 1], pid: ['uint32', 2] }),
  TaskExit: message({ containerId: ['string', 1], id: ['string', 2], pid: ['uint32', 3], exitStatus: ['uint32', 4], exitedAt: [timestamp, 5] }),
  TaskDelete: message({ containerId: ['string', 1], pid: ['uint32', 2], exitStatus: ['uint32', 3], exitedAt: [timestamp, 4], id: ['string', 5] }),
  ContainerCreate: message({ id: ['string', 1], image: ['string', 2] }),
  ContainerDelete: message({ id: ['string', 1] }),
};

const types = {
  Mount: message({ type: ['string', 1], source: ['string', 2], target: ['string', 3], options: ['string', 4, 'repeated'] }),
  Descriptor: message({ mediaType: ['string', 1], digest: ['string', 2], size: ['int64', 3] }),
};

const process = message({ id: ['string', 2], pid: ['uint32', 3], status: ['int32', 4], exitStatus: ['uint32', 9], exitedAt: [timestamp, 10] });

const nested = (content: object): object => ({ nested: content });
const versioned = Object.fromEntries(Object.entries(services).map(([name, content]) => [name, nested({ v1: nested(content) })]));

/** Every message and method, decoded with defaults for absent fields; 64-bit numbers as `number`. */
export const containerdProtocol = fromJSON(
  {
    nested: {
      google: nested({ protobuf: nested(google) }),
      containerd: nested({ services: nested(versioned), events: nested(events), types: nested(types), v1: nested({ types: nested({ Process: process }) }) }),
    },
  },
  { longs: Number, defaults: true },
);

export interface Timestamp { readonly seconds: number; readonly nanos: number }
interface Any { readonly typeUrl: string; readonly value: Buffer }
export interface Mount { readonly type: string; readonly source: string; readonly options: readonly string[] }
export interface Target { readonly mediaType: string; readonly digest: string; readonly size: number }
export interface Envelope { readonly timestamp: Timestamp | null; readonly namespace: string; readonly topic: string; readonly event: Any | null }
export interface Task { readonly id: string; readonly pid: number; readonly status: number; readonly exitStatus: number; readonly exitedAt: Timestamp | null }

export interface Container {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  /** OCI runtime spec as JSON: the environment in it may hold secrets. */
  readonly spec: Any | null;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  readonly extensions: Readonly<Record<string, Any>>;
}

/** `containerd.v1.types.Status`: with these a task's first process lives. */
const livingStatus = { running: 2, paused: 4, pausing: 5 } as const;

export function isLiving({ status }: Task): boolean {
  return Object.values<number>(livingStatus).includes(status);
}

/** What goes in and comes out of each method that may be called. */
export interface Calls {
  'containerd.services.events.v1.Events/Subscribe': [request: { filters: readonly string[] }, answer: Envelope];
  'containerd.services.events.v1.Events/Publish': [request: { topic: string; event: Any }, answer: object];
  'containerd.services.tasks.v1.Tasks/Get': [request: { containerId: string }, answer: { process: Task | null }];
  'containerd.services.tasks.v1.Tasks/List': [request: object, answer: { tasks: readonly Task[] }];
  'containerd.services.containers.v1.Containers/Get': [request: { id: string }, answer: { container: Container | null }];
  'containerd.services.images.v1.Images/Get': [request: { name: string }, answer: { image: { target: Target | null } | null }];
  'containerd.services.snapshots.v1.Snapshots/Mounts': [request: { snapshotter: string; key: string }, answer: { mounts: readonly Mount[] }];
  'containerd.services.version.v1.Version/Version': [request: object, answer: { version: string }];
  'containerd.services.introspection.v1.Introspection/Server': [request: object, answer: { pid: number; pidns: number }];
}

/** A method of the allow-list. */
export function methodOf(name: keyof Calls): MethodDefinition<object, object> {
  const [serviceName = '', method = ''] = name.split('/');
  return (containerdProtocol[serviceName] as Record<string, MethodDefinition<object, object>>)[method]!;
}

/** What the observer reads of a task's life; undefined for any other event, and for one that cannot be decoded. */
export type TaskEvent =
  | { readonly kind: 'containerCreate'; readonly id: string; readonly image: string }
  | { readonly kind: 'containerDelete'; readonly id: string }
  | { readonly kind: 'create'; readonly containerId: string; readonly pid: number; readonly rootfs: readonly Mount[] }
  | { readonly kind: 'start'; readonly containerId: string; readonly pid: number }
  | { readonly kind: 'exit'; readonly containerId: string; readonly id: string; readonly pid: number; readonly exitStatus: number; readonly exitedAt: Timestamp | null };

const kinds = { ContainerCreate: 'containerCreate', ContainerDelete: 'containerDelete', TaskCreate: 'create', TaskStart: 'start', TaskExit: 'exit', TaskDelete: 'exit' } as const;

/** @param event Its type's name comes bare from containerd, and with a host before it from others. */
export function parseTaskEvent({ event }: Envelope): TaskEvent | undefined {
  const [, name] = /(?:^|\/)containerd\.events\.(\w+)$/.exec(event?.typeUrl ?? '') ?? [];
  if (!event || name === undefined || !Object.hasOwn(kinds, name)) return undefined;
  const { deserialize } = containerdProtocol[`containerd.events.${name}`] as MessageTypeDefinition<object, object>;
  try {
    return { ...deserialize(event.value), kind: kinds[name as keyof typeof kinds] } as TaskEvent;
  } catch {
    return undefined;
  }
}

/** @returns undefined for a time that is not set, or that no calendar has. */
export function dateOf(time: Timestamp | null): Date | undefined {
  // The zero of Go's clock is year 1.
  const date = new Date(time === null || time.seconds <= 0 ? Number.NaN : time.seconds * 1000 + time.nanos / 1e6);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
