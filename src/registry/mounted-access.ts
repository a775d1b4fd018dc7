/** What the mounted Secret gives for speaking to registries: credentials, and the CA if theirs is not a public one. It is read again as it changes. */
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { ZastavaError } from '../contract/errors.ts';
import { parseDockerConfig, type Credentials } from './docker-config.ts';

export interface Access {
  readonly credentials: Credentials;
  readonly dispatcher: Dispatcher;
}

/** How old what was read may be. A kubelet needs about a minute itself to show a changed Secret. */
const freshMs = 30_000;
const connectionsPerRegistry = 16;

/**
 * @param caPath a file that may be missing: then only Node's own roots are trusted
 * @returns the access as it is now; it rejects with `registry.credentials-invalid`
 */
export function openMountedAccess(dockerConfigPath: string, caPath: string): () => Promise<Access> {
  let config: string | undefined;
  let ca: string | undefined;
  let access: Access | undefined;
  let readAt = -Infinity;
  return async () => {
    if (access && performance.now() - readAt < freshMs) return access;
    const [newConfig, newCa] = [await readIfThere(dockerConfigPath), await readIfThere(caPath)];
    const credentials = access && newConfig === config ? access.credentials : newConfig === undefined ? new Map() : parseDockerConfig(newConfig, dockerConfigPath);
    const dispatcher = access && newCa === ca ? access.dispatcher : createAgent(newCa);
    if (access && access.dispatcher !== dispatcher) void access.dispatcher.close();
    [config, ca, access, readAt] = [newConfig, newCa, { credentials, dispatcher }, performance.now()];
    return access;
  };
}

function createAgent(ca: string | undefined): Agent {
  return new Agent({ connections: connectionsPerRegistry, ...(ca !== undefined && { connect: { ca: [...rootCertificates, ca] } }) });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ZastavaError('registry.credentials-invalid', `cannot read ${path} (${(cause as Error).message})`, { cause });
  }
}
