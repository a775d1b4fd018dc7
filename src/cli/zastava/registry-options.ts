/** How to speak to a registry, as options of the verbs that do. Credentials are read from Docker's config file; programs that it names are not run. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parseImageReference } from '../../bytes/image-reference.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { parseDockerConfig } from '../../registry/docker-config.ts';
import { RegistryClient } from '../../registry/registry-client.ts';
import { hostOfRegistry } from '../../registry/registry-request.ts';
import { readInput, readInputIfThere } from '../terminal/inputs.ts';
import { collect } from './trust-options.ts';

export interface RegistryVerbOptions {
  readonly registryCa?: string;
  readonly dockerConfig?: string;
  readonly tokenHost?: readonly string[];
  readonly plainHttp?: boolean;
}

export function addRegistryOptions(command: Command): Command {
  return command
    .option('--registry-ca <file>', "authority of the registry's certificate in PEM, beside the public ones")
    .option('--docker-config <file>', "Docker's config file with the credentials (default: config.json in DOCKER_CONFIG or ~/.docker)")
    .option('--token-host <host>', 'a host other than the registry that may be given its credentials for a token; can be given again', collect)
    .option('--plain-http', 'a registry without TLS; credentials are then sent on loopback only');
}

/** @throws `usage` unless it is a host, and a path if there is one */
export function parseRegistry(text: string): { readonly domain: string; readonly path: string } {
  const reference = parseImageReference(`${text}/x`);
  if (reference === undefined || text.startsWith('http') || reference.name !== `${text}/x`) {
    throw new ZastavaError('usage', `${JSON.stringify(text)} is no registry; expected HOST[:PORT][/PATH] as in zastava.images.registry, such as registry.internal/zastava`);
  }
  return { domain: reference.domain, path: reference.path.split('/').slice(0, -1).join('/') };
}

/** @param scopes what is to be done there, for a token: `repository:zastava/observer:pull,push` */
export async function openRegistry(domain: string, scopes: readonly string[], options: RegistryVerbOptions): Promise<RegistryClient> {
  const host = hostOfRegistry(domain);
  const path = options.dockerConfig ?? join(process.env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  const config = options.dockerConfig === undefined ? await readInputIfThere(path) : await readInput(path, 'docker config');
  const client = new RegistryClient({
    domain, scopes,
    credentials: config === undefined ? new Map() : parseDockerConfig(config, path, host),
    ca: options.registryCa === undefined ? undefined : await readInput(options.registryCa, "authority of the registry's certificate"),
    tokenHosts: options.tokenHost ?? [],
    plainHttp: options.plainHttp === true,
  });
  try {
    await client.open();
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}
