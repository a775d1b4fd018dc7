/**
 * What containerd knows of a container beside its process: its Pod (labels that the CRI sets), its image, its command and its
 * root file system. Read as soon as the container is heard of, since a short-lived one may be gone a moment later.
 */
import type { Workload } from '../../../contract/runtime-event.ts';
import { type ContainerdClient, isNotFound } from './containerd-client.ts';
import type { ContainerdImages } from './containerd-images.ts';
import type { Container, Mount } from './containerd-protocol.ts';
import { parseRootFolders } from './containerd-rootfs.ts';
import type { RootFolders } from './process-facts.ts';

export interface ContainerRecord {
  readonly workload: Workload;
  readonly rootfs?: RootFolders;
  /** The command as the specification has it. `env` may hold secrets: it never leaves the observer. */
  readonly spec: { readonly args: readonly string[]; readonly env: readonly string[]; readonly cwd: string };
  /** The Pod's own pause container: nobody's workload. */
  readonly sandbox: boolean;
}

const waitingMax = 8192;

/** In a storm of starts a call's deadline must not begin before containerd can answer it. */
const readsMax = 32;

/** What was heard of a container before anybody asked. */
interface Heard {
  readonly record: Promise<ContainerRecord | undefined>;
  image: string;
  mounts: readonly Mount[];
}

export class ContainerdRecords {
  readonly #client: ContainerdClient;
  readonly #images: ContainerdImages;
  readonly #heard = new Map<string, Heard>();
  readonly #queue: (() => void)[] = [];
  #free = readsMax;

  constructor(client: ContainerdClient, images: ContainerdImages) {
    this.#client = client;
    this.#images = images;
  }

  /** A container of this id begins: what was read of an earlier one no longer holds. */
  begin(id: string, image: string): void {
    this.#heard.delete(id);
    this.hear(id).image = image;
  }

  /** Starts to read. */
  hear(id: string, mounts?: readonly Mount[]): Heard {
    let heard = this.#heard.get(id);
    if (!heard) {
      if (this.#heard.size >= waitingMax) this.#heard.delete(this.#heard.keys().next().value!);
      heard = { record: this.#withSlot(() => this.#read(id)), image: '', mounts: [] };
      // Whoever asks gets the error; until then nobody may.
      heard.record.catch(() => undefined);
      this.#heard.set(id, heard);
    }
    if (mounts) heard.mounts = mounts;
    return heard;
  }

  /** Gives what is known, and keeps it no longer. Of a container that is gone already only its name is left. Throws when containerd cannot be asked. */
  async take(id: string): Promise<ContainerRecord> {
    const heard = this.hear(id);
    this.#heard.delete(id);
    const record = (await heard.record) ?? nameOnly(id, heard.image);
    const rootfs = parseRootFolders(heard.mounts) ?? record.rootfs;
    return { ...record, ...(rootfs && { rootfs }) };
  }

  async #read(id: string): Promise<ContainerRecord | undefined> {
    const container = await this.#orGone(this.#client.call('containerd.services.containers.v1.Containers/Get', { id }).then((answer) => answer.container));
    if (!container) return undefined;
    const { snapshotter, snapshotKey: key } = container;
    const [images, mounts] = await Promise.all([
      this.#images.digests(container.image, configOf(container)),
      key === '' ? [] : this.#orGone(this.#client.call('containerd.services.snapshots.v1.Snapshots/Mounts', { snapshotter, key }).then((answer) => answer.mounts)),
    ]);
    return toRecord(container, images, parseRootFolders(mounts ?? []));
  }

  async #withSlot<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  async #orGone<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

interface Specification {
  readonly process?: { readonly args?: unknown; readonly env?: unknown; readonly cwd?: unknown };
  readonly annotations?: Readonly<Record<string, unknown>>;
}

function toRecord(container: Container, images: Workload['images'], rootfs: RootFolders | undefined): ContainerRecord {
  const { id, labels } = container;
  const { process, annotations } = (parseJson(container.spec?.value) ?? {}) as Specification;
  const imageName = annotations?.['io.kubernetes.cri.image-name'];
  return {
    workload: {
      platform: 'kubernetes',
      namespace: labels['io.kubernetes.pod.namespace'] ?? '',
      pod: labels['io.kubernetes.pod.name'] ?? '',
      podUid: labels['io.kubernetes.pod.uid'] ?? '',
      container: labels['io.kubernetes.container.name'] ?? '',
      containerId: `containerd://${id}`,
      imageRef: typeof imageName === 'string' && imageName !== '' ? imageName : container.image,
      images,
    },
    ...(rootfs && { rootfs }),
    spec: { args: textsOf(process?.args), env: textsOf(process?.env), cwd: typeof process?.cwd === 'string' ? process.cwd : '/' },
    sandbox: labels['io.cri-containerd.kind'] === 'sandbox' || annotations?.['io.kubernetes.cri.container-type'] === 'sandbox',
  };
}

function nameOnly(id: string, image: string): ContainerRecord {
  const workload = { platform: 'kubernetes', namespace: '', pod: '', podUid: '', container: '', containerId: `containerd://${id}`, imageRef: image, images: {} } as const;
  return { workload, spec: { args: [], env: [], cwd: '/' }, sandbox: false };
}

/** The config's digest, where the CRI keeps it with the container. */
function configOf({ extensions }: Container): string | undefined {
  const stored = parseJson(extensions['io.cri-containerd.container.metadata']?.value) as { Metadata?: { ImageRef?: unknown } } | undefined;
  const reference = stored?.Metadata?.ImageRef;
  return typeof reference === 'string' ? reference : undefined;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

/** @returns undefined for what is not a JSON object. */
function parseJson(bytes: Uint8Array | undefined): object | undefined {
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
