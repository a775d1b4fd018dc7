/** The kubelet's side of the CRI (runtime.v1 of k8s.io/cri-api, the few fields that a start needs): Pods on the host's network, so that no CNI is needed. */
import { Client, credentials } from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';

const message = (fields: Record<string, readonly [type: string, id: number, rule?: 'repeated']>): object => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, [type, id, rule]]) => [name, { type, id, ...(rule && { rule }) }])),
});
const map = (id: number): object => ({ keyType: 'string', type: 'string', id });
const withMap = (fields: Parameters<typeof message>[0], maps: Record<string, number>): object => {
  const made = message(fields) as { fields: object };
  return { fields: { ...made.fields, ...Object.fromEntries(Object.entries(maps).map(([name, id]) => [name, map(id)])) } };
};

const messages = {
  Empty: message({}),
  SandboxId: message({ id: ['string', 1] }),
  ContainerId: message({ id: ['string', 1] }),
  Metadata: message({ name: ['string', 1], uid: ['string', 2], namespace: ['string', 3] }),
  Namespaces: message({ network: ['int32', 1], pid: ['int32', 2] }),
  SandboxSecurity: message({ namespaceOptions: ['Namespaces', 1] }),
  SandboxLinux: message({ securityContext: ['SandboxSecurity', 2] }),
  Sandbox: withMap({ metadata: ['Metadata', 1], logDirectory: ['string', 3], linux: ['SandboxLinux', 8] }, { labels: 6 }),
  RunRequest: message({ config: ['Sandbox', 1] }),
  ContainerName: message({ name: ['string', 1] }),
  Image: message({ image: ['string', 1], userSpecifiedImage: ['string', 18] }),
  User: message({ value: ['int64', 1] }),
  Capabilities: message({ addCapabilities: ['string', 1, 'repeated'], dropCapabilities: ['string', 2, 'repeated'] }),
  ContainerSecurity: message({ capabilities: ['Capabilities', 1], namespaceOptions: ['Namespaces', 3], runAsUser: ['User', 5], readonlyRootfs: ['bool', 7] }),
  Variable: message({ key: ['string', 1], value: ['string', 2] }),
  Mount: message({ containerPath: ['string', 1], hostPath: ['string', 2], readonly: ['bool', 3] }),
  ContainerLinux: message({ securityContext: ['ContainerSecurity', 2] }),
  Container: withMap({ metadata: ['ContainerName', 1], image: ['Image', 2], command: ['string', 3, 'repeated'], envs: ['Variable', 6, 'repeated'], mounts: ['Mount', 7, 'repeated'], logPath: ['string', 11], linux: ['ContainerLinux', 15] }, { labels: 9 }),
  CreateRequest: message({ sandboxId: ['string', 1], config: ['Container', 2], sandbox: ['Sandbox', 3] }),
};

const methods = {
  RunPodSandbox: ['RunRequest', 'SandboxId'],
  CreateContainer: ['CreateRequest', 'ContainerId'],
  StartContainer: ['ContainerId', 'Empty'],
  RemoveContainer: ['ContainerId', 'Empty'],
  StopPodSandbox: ['SandboxId', 'Empty'],
  RemovePodSandbox: ['SandboxId', 'Empty'],
} as const;

const service = { methods: Object.fromEntries(Object.entries(methods).map(([name, [requestType, responseType]]) => [name, { requestType, responseType }])) };
const nested = (content: object): object => ({ nested: content });
const protocol = fromJSON({ nested: { runtime: nested({ v1: nested({ ...messages, RuntimeService: service }) }) } } as never, { longs: Number, defaults: true });
const definitions = protocol['runtime.v1.RuntimeService'] as Record<keyof typeof methods, MethodDefinition<object, object>>;

/** Of `NamespaceMode`. */
const modes = { container: 1, node: 2 } as const;

export interface Pod {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Its containers see the processes of the node. */
  readonly hostPid?: boolean;
  /** Folder of what its containers write. */
  readonly logs?: string;
}

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  /** Empty: the image's. */
  readonly command: readonly string[];
  readonly user?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly { readonly hostPath: string; readonly containerPath: string; readonly readonly: boolean }[];
  /** With all others dropped, and a root that is read-only. */
  readonly capabilities?: readonly string[];
}

export class Cri {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
  }

  async runPod(pod: Omit<Pod, 'id'>): Promise<Pod> {
    const { id } = await this.#call('RunPodSandbox', { config: sandboxOf(pod) });
    return { ...pod, id };
  }

  /** Creates and starts a container in the Pod, as the kubelet names and labels it. @returns its id */
  async runContainer(pod: Pod, { name, image, command, user, env = {}, mounts = [], capabilities }: PodContainer): Promise<string> {
    const restricted = capabilities && { capabilities: { addCapabilities: capabilities, dropCapabilities: ['ALL'] }, readonlyRootfs: true };
    const { id } = await this.#call('CreateContainer', {
      sandboxId: pod.id, sandbox: sandboxOf(pod),
      config: {
        metadata: { name }, image: { image, userSpecifiedImage: image }, command, labels: { ...labelsOf(pod), 'io.kubernetes.container.name': name },
        envs: Object.entries(env).map(([key, value]) => ({ key, value })), mounts, ...(pod.logs !== undefined && { logPath: `${name}.log` }),
        linux: { securityContext: { ...restricted, namespaceOptions: namespacesOf(pod), ...(user !== undefined && { runAsUser: { value: user } }) } },
      },
    });
    await this.#call('StartContainer', { id });
    return id;
  }

  /** Ends all of its containers, too. */
  async removePod({ id }: Pod): Promise<void> {
    await this.#call('StopPodSandbox', { id });
    await this.#call('RemovePodSandbox', { id });
  }

  close(): void {
    this.#client.close();
  }

  #call(name: keyof typeof methods, request: object): Promise<{ id: string }> {
    const { path, requestSerialize, responseDeserialize } = definitions[name];
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline: Date.now() + 60_000 }, (error, answer) => {
        if (error) reject(error);
        else resolve(answer as { id: string });
      });
    });
  }
}

function sandboxOf(pod: Omit<Pod, 'id'>): object {
  const { name, uid, namespace, logs } = pod;
  return { metadata: { name, uid, namespace }, labels: labelsOf(pod), ...(logs !== undefined && { logDirectory: logs }), linux: { securityContext: { namespaceOptions: namespacesOf(pod) } } };
}

function namespacesOf({ hostPid = false }: Omit<Pod, 'id'>): object {
  return { network: modes.node, pid: hostPid ? modes.node : modes.container };
}

function labelsOf({ name, uid, namespace }: Omit<Pod, 'id'>): Record<string, string> {
  return { 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': namespace, 'io.kubernetes.pod.uid': uid };
}
