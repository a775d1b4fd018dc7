/**
 * The closure of the OCI layouts (image spec 1.1), the images' and those beside it: from index.json, every
 * descriptor leads to a blob of its size and digest, and every blob is reached. A kit can then be pushed whole, and
 * carries nothing that nobody asked for.
 */
import type { ErrorCode } from '../../contract/errors.ts';
import { kitLayouts, kitPaths, type KitFileRecord } from '../../contract/kit-format.ts';
import { ociLayout, ociMediaTypes, platforms, type Descriptor, type Digest, type Platform } from '../../contract/oci.ts';
import type { KitDocument } from './contents.ts';
import type { Tally } from './report.ts';

/** Digest of an image index in index.json → the platforms that it has, as `linux/amd64`. */
export type ImagePlatforms = ReadonlyMap<Digest, ReadonlySet<string>>;

const mediaType = /^[a-z]+\/[A-Za-z0-9.+_-]+$/;
const digestForm = /^sha256:[0-9a-f]{64}$/;

/** Gathers every descriptor that leads nowhere, and every blob that none leads to. */
export function verifyOciLayout(files: readonly KitFileRecord[], documents: readonly KitDocument[], tally: Tally): ImagePlatforms {
  const images = walkLayout(new LayoutWalk('', files, documents, tally));
  for (const folder of kitLayouts) {
    if (files.some(({ path }) => path.startsWith(folder))) walkLayout(new LayoutWalk(folder, files, documents, tally));
  }
  return images;
}

function walkLayout(walk: LayoutWalk): ImagePlatforms {
  const path = walk.folder + kitPaths.ociLayout;
  const version = walk.readJson(path)?.['imageLayoutVersion'];
  if (version !== ociLayout.imageLayoutVersion) walk.invalid(path, `imageLayoutVersion ${ociLayout.imageLayoutVersion}`, show(version));
  walk.visitIndex(walk.folder + kitPaths.ociIndex);
  walk.reportExtra();
  return walk.images;
}

export function platformName({ os, architecture }: Pick<Platform, 'os' | 'architecture'>): string {
  return `${os}/${architecture}`;
}

/** Images in an index in an index: no kit needs more. */
const depthMax = 8;

type Json = Readonly<Record<string, unknown>>;

class LayoutWalk {
  readonly images = new Map<Digest, Set<string>>();
  /** Of the layout in the kit: empty, or ends with `/`. */
  readonly folder: string;
  readonly #blobs: Map<string, KitFileRecord>;
  readonly #documents: Map<string, Buffer>;
  readonly #visited = new Set<string>();
  readonly #tally: Tally;
  #depth = 0;

  constructor(folder: string, files: readonly KitFileRecord[], documents: readonly KitDocument[], tally: Tally) {
    this.folder = folder;
    this.#blobs = new Map(files.filter(({ path }) => path.startsWith(folder + kitPaths.blobs)).map((file) => [file.path, file]));
    this.#documents = new Map(documents.map(({ record, bytes }) => [record.path, bytes]));
    this.#tally = tally;
  }

  /** index.json itself, or the blob of an image index. Returns the platforms of what it lists. */
  visitIndex(path: string): Set<string> {
    const index = this.readJson(path);
    const found = new Set<string>();
    if (index === undefined) return found;
    if (index['mediaType'] !== ociMediaTypes.index) this.invalid(path, `mediaType ${ociMediaTypes.index}`, show(index['mediaType']));
    for (const descriptor of this.#descriptors(path, index, 'manifests')) {
      if (descriptor.mediaType === ociMediaTypes.index) this.#visitImage(path, descriptor);
      else if (descriptor.mediaType === ociMediaTypes.manifest) this.#visitManifest(path, descriptor, found);
      else this.invalid(path, 'descriptors of indexes and manifests', descriptor.mediaType);
    }
    this.#visitSubject(path, index);
    return found;
  }

  #visitImage(from: string, descriptor: Descriptor): void {
    const path = this.#follow(from, descriptor);
    if (path === undefined || this.images.has(descriptor.digest)) return;
    this.images.set(descriptor.digest, new Set());
    this.#descend(path, () => this.images.set(descriptor.digest, this.visitIndex(path)));
  }

  #descend(path: string, run: () => void): void {
    if (this.#depth === depthMax) return this.invalid(path, `at most ${depthMax} documents below index.json`, 'more');
    this.#depth++;
    run();
    this.#depth--;
  }

  #visitManifest(from: string, descriptor: Descriptor, found: Set<string>): void {
    const path = this.#follow(from, descriptor);
    if (path === undefined) return;
    const { platform } = descriptor;
    const manifest = this.readJson(path);
    if (manifest === undefined) return;
    if (manifest['mediaType'] !== ociMediaTypes.manifest) this.invalid(path, `mediaType ${ociMediaTypes.manifest}`, show(manifest['mediaType']));
    const [config] = this.#descriptors(path, { config: [manifest['config']] }, 'config');
    const configPath = config && this.#follow(path, config);
    if (config?.mediaType === ociMediaTypes.empty && typeof manifest['artifactType'] !== 'string') this.invalid(path, 'an artifactType beside the empty config', show(manifest['artifactType']));
    for (const layer of this.#descriptors(path, manifest, 'layers')) this.#follow(path, layer);
    this.#visitSubject(path, manifest);
    if (platform === undefined || configPath === undefined) return;
    if (this.#configIsFor(configPath, platform)) found.add(platformName(platform));
  }

  /** A subject must be there, and some other way must lead to it: a referrer brings nothing into the kit but itself. */
  #visitSubject(path: string, document: Json): void {
    if (document['subject'] === undefined) return;
    for (const subject of this.#descriptors(path, { subject: [document['subject']] }, 'subject')) this.#find(path, subject);
  }

  /** The descriptor of an index says for which platform an image is; so does the image's own config. Both must agree. */
  #configIsFor(path: string, platform: Platform): boolean {
    const config = this.readJson(path);
    if (config === undefined) return false;
    const found = `${config['os']}/${config['architecture']}`;
    if (found === platformName(platform)) return true;
    this.invalid(path, `an image config for ${platformName(platform)}`, found);
    return false;
  }

  /** The path of the blob that a descriptor leads to, which is reached by that, if it is there and as the descriptor says. */
  #follow(from: string, descriptor: Descriptor): string | undefined {
    const path = this.#pathOf(descriptor);
    const blob = this.#blobs.get(path);
    if (blob !== undefined && !this.#visited.has(path)) this.#tally.add(blob.size);
    this.#visited.add(path);
    return this.#find(from, descriptor);
  }

  #pathOf({ digest }: Descriptor): string {
    return this.folder + kitPaths.blobs + digest.slice('sha256:'.length);
  }

  #find(from: string, descriptor: Descriptor): string | undefined {
    const { digest, size, mediaType: type } = descriptor;
    const path = this.#pathOf(descriptor);
    const blob = this.#blobs.get(path);
    if (blob === undefined || blob.size !== size) {
      this.#report('kit.closure-missing', from, `the blob ${digest} of ${size} bytes`, blob === undefined ? 'none' : `one of ${blob.size} bytes`);
      if (blob === undefined) return undefined;
    }
    const documents: readonly string[] = [ociMediaTypes.index, ociMediaTypes.manifest, ociMediaTypes.config];
    if (!documents.includes(type) || blob.mediaType === type) return path;
    this.invalid(from, `the media type ${blob.mediaType} for ${digest}, as in the manifest`, type);
    return undefined;
  }

  reportExtra(): void {
    for (const path of this.#blobs.keys()) {
      if (!this.#visited.has(path)) this.#report('kit.closure-extra', path, 'a descriptor that leads to it', 'none');
    }
  }

  readJson(path: string): Json | undefined {
    try {
      const value: unknown = JSON.parse(this.#documents.get(path)!.toString('utf8'));
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    } catch {}
    this.invalid(path, 'a JSON object', 'something else');
    return undefined;
  }

  *#descriptors(path: string, document: Json, key: string): Generator<Descriptor> {
    const list = document[key];
    if (!Array.isArray(list)) return this.invalid(path, `a list "${key}"`, show(list));
    for (const [index, value] of list.entries()) {
      if (isDescriptor(value)) yield value;
      else this.invalid(path, `an OCI descriptor as ${key}[${index}]`, show(value));
    }
  }

  invalid(where: string, expected: string, found: string): void {
    this.#report('kit.oci-invalid', where, expected, found);
  }

  #report(code: ErrorCode, where: string, expected: string, found: string): void {
    this.#tally.report(code, { where, expected, found });
  }
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== 'object' || value === null) return false;
  const { mediaType: type, digest, size, platform } = value as Record<string, unknown>;
  const named = typeof type === 'string' && mediaType.test(type) && typeof digest === 'string' && digestForm.test(digest);
  return named && Number.isSafeInteger(size) && (size as number) >= 0 && (platform === undefined || isPlatform(platform));
}

function isPlatform(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { os, architecture } = value as Record<string, unknown>;
  return platforms.some((known) => known.os === os && known.architecture === architecture);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100);
}
