/** One repository of a registry, to be written to (OCI distribution spec 1.1): blobs, manifests, tags and referrers. */
import { digestOf } from '../bytes/digest.ts';
import { ZastavaError } from '../contract/errors.ts';
import { ociMediaTypes, type Descriptor, type Digest, type OciIndex } from '../contract/oci.ts';
import type { RegistryClient } from './registry-client.ts';
import type { RegistryResponse } from './registry-request.ts';

export class Repository {
  readonly client: RegistryClient;
  /** Without the host: `zastava/observer`. */
  readonly path: string;

  constructor(client: RegistryClient, path: string) {
    [this.client, this.path] = [client, path];
  }

  get name(): string {
    return `${this.client.host}/${this.path}`;
  }

  at(rest: string): string {
    return `/v2/${this.path}/${rest}`;
  }

  async hasBlob({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): Promise<boolean> {
    const response = await this.client.ask({ method: 'HEAD', at: this.at(`blobs/${digest}`) });
    if (response.status === 404) return false;
    if (response.status !== 200) throw this.refusal(response, `to say whether ${this.name} has ${digest}`);
    const length = response.header('content-length');
    if (length !== undefined && length !== String(size)) throw new ZastavaError('registry.answer-invalid', `${this.name} has ${length} bytes as ${digest}, which has ${size}`);
    return true;
  }

  /** Takes a blob over from another repository of the registry. @returns false where the registry does not do that */
  async mountBlob(digest: Digest, from: Repository): Promise<boolean> {
    const response = await this.client.ask({ method: 'POST', at: this.at(`blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from.path)}`) });
    if (response.status === 201) return true;
    const location = response.header('location');
    // It has begun an upload instead, which nobody will go on with.
    if (response.status === 202 && location !== undefined) await this.client.askOnce({ method: 'DELETE', at: new URL(location, response.url) }).catch(() => undefined);
    return false;
  }

  /** What a tag or digest is there. */
  async resolve(reference: string): Promise<Digest | undefined> {
    const headers = { accept: `${ociMediaTypes.index}, ${ociMediaTypes.manifest}` };
    const head = await this.client.ask({ method: 'HEAD', at: this.at(`manifests/${reference}`), headers });
    if (head.status === 404) return undefined;
    if (head.status !== 200) throw this.refusal(head, `to say what ${this.name}:${reference} is`);
    const named = head.header('docker-content-digest');
    if (named !== undefined && /^sha256:[0-9a-f]{64}$/.test(named)) return named as Digest;
    const response = await this.client.ask({ method: 'GET', at: this.at(`manifests/${reference}`), headers });
    return response.status === 200 ? digestOf(response.body) : undefined;
  }

  /** @param reference a tag, or the digest of the bytes */
  async putManifest(reference: string, mediaType: string, body: Uint8Array): Promise<void> {
    const response = await this.client.ask({ method: 'PUT', at: this.at(`manifests/${reference}`), headers: { 'content-type': mediaType }, body });
    if (response.status !== 201) throw this.refusal(response, `the manifest ${this.name}:${reference}`);
  }

  /** Whether the registry itself lists what refers to a manifest. If not, a tag must say it. */
  async listsReferrers(subject: Digest): Promise<boolean> {
    const response = await this.client.ask({ method: 'GET', at: this.at(`referrers/${subject}`), headers: { accept: ociMediaTypes.index } });
    return response.status === 200;
  }

  /**
   * The referrers tag of a subject, for registries without the referrers API: what is there stays, what is new is added.
   * @returns whether anything had to be added
   */
  async addReferrers(subject: Digest, referrers: readonly Descriptor[]): Promise<boolean> {
    const tag = subject.replace(':', '-');
    const known = await this.#readReferrers(tag);
    const added = referrers.filter(({ digest }) => !known.some((one) => one.digest === digest));
    if (added.length === 0) return false;
    const index: OciIndex = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [...known, ...added] };
    await this.putManifest(tag, ociMediaTypes.index, Buffer.from(JSON.stringify(index)));
    return true;
  }

  async #readReferrers(tag: string): Promise<readonly Descriptor[]> {
    const response = await this.client.ask({ method: 'GET', at: this.at(`manifests/${tag}`), headers: { accept: ociMediaTypes.index } });
    if (response.status === 404) return [];
    if (response.status !== 200) throw this.refusal(response, `to show the referrers ${this.name}:${tag}`);
    try {
      const { manifests } = JSON.parse(response.body.toString('utf8')) as OciIndex;
      if (manifests.every(({ digest, mediaType, size }) => typeof digest === 'string' && typeof mediaType === 'string' && typeof size === 'number')) return manifests;
    } catch {}
    throw new ZastavaError('registry.answer-invalid', `${this.name}:${tag} is no index of referrers; it is not written over`);
  }

  refusal({ status, body }: RegistryResponse, what: string): ZastavaError {
    const { code, message, problems } = this.client.refusal(status, what);
    const reason = reasonOf(body);
    return new ZastavaError(code, reason === '' ? message : `${message}: ${reason}`, { problems });
  }
}

/** The registry's own codes, of the closed list of the spec. */
function reasonOf(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors: { code: string }[] };
    return errors.map(({ code }) => code).filter((code) => /^[A-Z_]{1,40}$/.test(code)).join(', ');
  } catch {
    return '';
  }
}
