/**
 * The three digests of a container's image: index, manifest and config. containerd names one of them, and its content store
 * on disk has the documents that lead to the others; a document counts only when its bytes have the digest that names it.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../bytes/digest.ts';
import { ociMediaTypes } from '../../../contract/oci.ts';
import type { Workload } from '../../../contract/runtime-event.ts';
import { type ContainerdClient, isNotFound } from './containerd-client.ts';
import type { Target } from './containerd-protocol.ts';

export type ImageDigests = Workload['images'];

const documentBytesMax = 4 * 1024 * 1024;
/** An index is the image author's text: it may name thousands. */
const manifestsMax = 256;
const rememberedMax = 1024;
const sha256 = /^sha256:[0-9a-f]{64}$/;
const indexTypes: readonly string[] = [ociMediaTypes.index, 'application/vnd.docker.distribution.manifest.list.v2+json'];
const manifestTypes: readonly string[] = [ociMediaTypes.manifest, 'application/vnd.docker.distribution.manifest.v2+json'];
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

interface Document {
  readonly config?: { readonly digest?: unknown } | null;
  readonly manifests?: readonly Entry[];
}

type Entry = { readonly digest?: unknown; readonly platform?: { readonly os?: unknown; readonly architecture?: unknown } | null } | null;

export class ContainerdImages {
  readonly #client: ContainerdClient;
  readonly #store: string;
  /** By target and wanted config: both are digests, so an answer stays true. */
  readonly #known: Map<string, ImageDigests>;

  /** @param root containerd's own folder, `/var/lib/containerd`. */
  constructor(client: ContainerdClient, root: string, known: Map<string, ImageDigests>) {
    this.#client = client;
    this.#store = join(root, 'io.containerd.content.v1.content', 'blobs', 'sha256');
    this.#known = known;
  }

  /**
   * @param name The image's name in containerd: a tag may have moved to another image since the container was made.
   * @param config What the container says it was made from, where it says so (`Metadata.ImageRef` of the CRI).
   */
  async digests(name: string, config: string | undefined): Promise<ImageDigests> {
    const wanted = config !== undefined && sha256.test(config) ? config : undefined;
    // The CRI also keeps each image under the name of its config, which does not move.
    for (const candidate of new Set([name, ...(wanted === undefined ? [] : [wanted])])) {
      const target = await this.#target(candidate);
      const digests = target && (await this.#follow(target, wanted));
      if (digests) return digests;
    }
    return wanted === undefined ? {} : { config: wanted };
  }

  async #target(name: string): Promise<Target | undefined> {
    if (name === '') return undefined;
    try {
      const { image } = await this.#client.call('containerd.services.images.v1.Images/Get', { name });
      return image?.target && sha256.test(image.target.digest) ? image.target : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #follow(target: Target, wanted: string | undefined): Promise<ImageDigests | undefined> {
    const key = `${target.digest} ${wanted}`;
    const known = this.#known.get(key);
    if (known) return known;
    const isIndex = indexTypes.includes(target.mediaType);
    if (!isIndex && !manifestTypes.includes(target.mediaType)) return undefined;
    const found = isIndex ? await this.#followIndex(target.digest, wanted) : await this.#followManifest(target.digest, wanted);
    // Only what is whole is remembered: a document may still be on its way to the disk.
    if (found?.config !== undefined) {
      if (this.#known.size >= rememberedMax) this.#known.delete(this.#known.keys().next().value!);
      this.#known.set(key, found);
    }
    return found;
  }

  async #followIndex(index: string, wanted: string | undefined): Promise<ImageDigests | undefined> {
    const manifests = (await this.#document(index))?.manifests;
    if (!Array.isArray(manifests)) return wanted === undefined ? { index } : undefined;
    const architecture = architectures[process.arch] ?? process.arch;
    const entries = (manifests as readonly Entry[]).slice(0, manifestsMax);
    const ofThisNode = entries.filter((entry) => entry?.platform?.os === 'linux' && entry.platform.architecture === architecture);
    for (const entry of wanted === undefined ? ofThisNode : entries) {
      const found = typeof entry?.digest === 'string' ? await this.#followManifest(entry.digest, wanted) : undefined;
      if (found?.config !== undefined) return { index, ...found };
    }
    if (wanted !== undefined) return undefined;
    const [only, another] = ofThisNode;
    return { index, ...(!another && typeof only?.digest === 'string' && sha256.test(only.digest) && { manifest: only.digest }) };
  }

  async #followManifest(manifest: string, wanted: string | undefined): Promise<ImageDigests | undefined> {
    const config = (await this.#document(manifest))?.config?.digest;
    if (typeof config !== 'string' || !sha256.test(config)) return wanted === undefined ? { manifest } : undefined;
    return wanted === undefined || wanted === config ? { manifest, config } : undefined;
  }

  /** @returns undefined for what is not there, too large, not its digest, or not JSON. */
  async #document(digest: string): Promise<Document | undefined> {
    if (!sha256.test(digest)) return undefined;
    try {
      await using file = await open(join(this.#store, digest.slice('sha256:'.length)), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const { size } = await file.stat();
      if (size > documentBytesMax) return undefined;
      const bytes = Buffer.alloc(size);
      const { bytesRead } = await file.read(bytes, 0, size, 0);
      if (bytesRead !== size || digestOf(bytes) !== digest) return undefined;
      const document: unknown = JSON.parse(bytes.toString());
      return typeof document === 'object' && document !== null ? document : undefined;
    } catch {
      return undefined;
    }
  }
}
