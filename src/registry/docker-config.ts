/**
 * Credentials of registries from a docker config (`.dockerconfigjson`). Each belongs to exactly one host: a part of a host, or a host that ends
 * like another, gets none. Problems name the entry and never its content.
 */
import { ZastavaError } from '../contract/errors.ts';

/** Host (`registry.internal:5000`) → the value of a Basic `authorization` header. */
export type Credentials = ReadonlyMap<string, string>;

/** Keys under which people keep the credentials of Docker Hub, whose registry is the first. */
const dockerHub = ['registry-1.docker.io', 'docker.io', 'index.docker.io'];

/**
 * @param source how problems name the text
 * @param only entries of other hosts are not looked at: a person's own config may keep theirs in programs, which are not run
 * @throws `registry.credentials-invalid`
 */
export function parseDockerConfig(text: string, source: string, only?: string): Credentials {
  const { auths = {} } = asObject(parseJson(text, source), source);
  const entries = Object.entries(asObject(auths, `${source}: auths`)).flatMap(([key, entry]) => {
    const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    if (only !== undefined && host !== only && !(dockerHub.includes(host) && dockerHub.includes(only))) return [];
    const userAndPassword = readEntry(asObject(entry, `${source}: the entry of ${host}`), `${source}: the entry of ${host}`);
    const header = `Basic ${Buffer.from(userAndPassword).toString('base64')}`;
    return (dockerHub.includes(host) ? dockerHub : [host]).map((each) => [each, header] as const);
  });
  return new Map(entries);
}

function readEntry({ username, password, auth }: Readonly<Record<string, unknown>>, where: string): string {
  if (typeof username === 'string' && typeof password === 'string') return `${username}:${password}`;
  const decoded = typeof auth === 'string' ? Buffer.from(auth, 'base64').toString('utf8') : '';
  if (!decoded.includes(':')) throw invalid(`${where} has neither username and password nor auth`);
  return decoded;
}

function asObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the cause: the parser quotes the text.
    throw invalid(`${source} is not JSON`);
  }
}

function invalid(what: string): ZastavaError {
  return new ZastavaError('registry.credentials-invalid', `docker config: ${what}; make it again, a Secret with "kubectl create secret docker-registry", a file with "oras login --registry-config FILE HOST"`);
}
