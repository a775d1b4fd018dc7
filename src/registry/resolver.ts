/**
 * Tag → digest, asked of the registry at every time: what a tag means now is not what it meant before. Only listed registries are
 * contacted, since whoever makes a Pod chooses the name.
 */
import { digestOf } from '../bytes/digest.ts';
import type { ImageReference } from '../bytes/image-reference.ts';
import { ZastavaError } from '../contract/errors.ts';
import { mountPaths, registryFiles } from '../contract/names.ts';
import type { Digest } from '../contract/oci.ts';
import { authorize, type Authorization } from './authorization.ts';
import { openMountedAccess } from './mounted-access.ts';
import { createSendToRegistry, fenceOf, hostOfRegistry, parseUrl, type RegistryResponse } from './registry-request.ts';

/**
 * @param deadlineAt on performance.now()'s clock, ms
 * @throws `registry.*`
 */
export type ResolveTag = (reference: ImageReference, deadlineAt: number) => Promise<Digest>;

export interface ResolverOptions {
  /** `zastava.webhook.registries` */
  readonly registries: readonly string[];
  /** Both files may be missing. Default: where the manifests mount them. */
  readonly dockerConfigPath?: string;
  readonly caPath?: string;
}

/** As containerd asks: then the digest is that of the manifest which it would pull. */
const headers = { accept: [
  'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.index.v1+json', '*/*',
].join(', ') };
const rememberedMax = 1024;

export function createResolver(options: ResolverOptions): ResolveTag {
  const { registries, dockerConfigPath = `${mountPaths.registries}/${registryFiles.dockerConfig}`, caPath = `${mountPaths.registries}/${registryFiles.ca}` } = options;
  const send = createSendToRegistry(fenceOf(new Set(registries.map(hostOfRegistry))));
  const readAccess = openMountedAccess(dockerConfigPath, caPath);
  /** Repository → what its registry wanted to hear last. */
  const remembered = new Map<string, { header: string; until: number }>();

  function remember(repository: string, { header, seconds }: Authorization): string {
    remembered.delete(repository);
    remembered.set(repository, { header, until: performance.now() + seconds * 1000 });
    const [oldest] = remembered.keys();
    if (remembered.size > rememberedMax && oldest !== undefined) remembered.delete(oldest);
    return header;
  }

  async function ask(method: 'GET' | 'HEAD', { domain, path, name, tag }: ImageReference, deadlineAt: number): Promise<RegistryResponse> {
    const access = await readAccess();
    const host = hostOfRegistry(domain);
    const url = parseUrl(`https://${host}/v2/${path}/manifests/${tag}`);
    const known = remembered.get(name);
    const first = await send({ method, url, headers, deadlineAt, authorization: known && known.until > performance.now() ? known.header : undefined }, access.dispatcher);
    if (first.status !== 401) return first;
    const authorization = remember(name, await authorize(first.header('www-authenticate') ?? '', { host, scopes: [`repository:${path}:pull`] }, access, send, deadlineAt));
    return send({ method, url, headers, deadlineAt, authorization }, access.dispatcher);
  }

  return async (reference, deadlineAt) => {
    const { domain, name, tag } = reference;
    if (!registries.includes(domain)) {
      throw new ZastavaError('registry.unlisted', `${domain || name} is not one of zastava.webhook.registries, and no other registry is contacted`);
    }
    const head = await ask('HEAD', reference, deadlineAt);
    const claimed = head.header('docker-content-digest');
    if (head.status === 200 && isDigest(claimed)) return claimed;
    const response = head.status === 200 || head.status === 405 ? await ask('GET', reference, deadlineAt) : head;
    if (response.status !== 200) throw refusal(response.status, domain, `${name}:${tag}`);
    const digest = digestOf(response.body);
    const named = response.header('docker-content-digest');
    if (isDigest(named) && named !== digest) throw new ZastavaError('registry.answer-invalid', `${domain} names the digest ${named} for ${name}:${tag}, and sends bytes of ${digest}`);
    return digest;
  };
}

function isDigest(text: string | undefined): text is Digest {
  return text !== undefined && /^sha256:[0-9a-f]{64}$/.test(text);
}

function refusal(status: number, domain: string, image: string): ZastavaError {
  if (status === 404) return new ZastavaError('registry.rejected', `${domain} has no ${image}`);
  if (status === 429 || status >= 500) return new ZastavaError('registry.unavailable', `${domain} cannot say now what ${image} is (status ${status})`);
  return new ZastavaError('registry.rejected', `${domain} does not say what ${image} is (status ${status}); see the credentials of zastava.webhook.registrySecret`);
}
