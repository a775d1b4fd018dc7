/**
 * Speaks with containerd on the node's socket: typed calls of the allow-list in containerd-protocol.ts, each with a
 * deadline, and the stream of events.
 */
import { Client, credentials, Metadata, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { type Calls, type Envelope, methodOf } from './containerd-protocol.ts';

type Unary = Exclude<keyof Calls, 'containerd.services.events.v1.Events/Subscribe'>;

const receiveBytesMax = 16 * 1024 * 1024;

const options = {
  'grpc.max_receive_message_length': receiveBytesMax,
  // A path is no valid authority, and strict servers refuse it.
  'grpc.default_authority': 'localhost',
  // Back within half a second of containerd; its shims drop what they could not tell for longer.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
} as const;

export class ContainerdClient {
  readonly #client: Client;
  readonly #metadata = new Metadata();
  readonly #callMsMax: number;

  /** @param namespace containerd's own: the kubelet's containers are in `k8s.io`. */
  constructor(socket: string, namespace: string, callMsMax: number) {
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), options);
    this.#metadata.set('containerd-namespace', namespace);
    this.#callMsMax = callMsMax;
  }

  /** Throws grpc's ServiceError; see `isNotFound`. */
  call<Name extends Unary>(name: Name, request: Calls[Name][0]): Promise<Calls[Name][1]> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, this.#metadata, { deadline: Date.now() + this.#callMsMax }, (error, answer) => {
        if (error) reject(error);
        else resolve(answer as Calls[Name][1]);
      });
    });
  }

  /** There is no sign that a subscription stands but an event that comes. */
  subscribe(filters: readonly string[]): ClientReadableStream<Envelope> {
    const { path, requestSerialize, responseDeserialize } = methodOf('containerd.services.events.v1.Events/Subscribe');
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { filters }, this.#metadata) as ClientReadableStream<Envelope>;
  }

  close(): void {
    this.#client.close();
  }
}

export function isNotFound(error: unknown): boolean {
  return (error as Partial<ServiceError> | null)?.code === status.NOT_FOUND;
}
