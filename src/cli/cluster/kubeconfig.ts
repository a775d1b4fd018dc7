/** The current context of a kubeconfig: where the API server is, and how to prove oneself. Programs that it names are not run. */
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { checkList, checkObject, checkText, type JsonObject } from '../../bytes/json-checks.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { readInput, readInputIfThere } from '../terminal/inputs.ts';

export interface ClusterAccess {
  /** With a path where the API server is behind one. */
  readonly server: string;
  readonly token?: string;
  /** Options of Node's TLS. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string; readonly rejectUnauthorized?: false };
}

/** A part of a file, and the folder that its paths are relative to. */
interface Part {
  readonly part: JsonObject;
  readonly folder: string;
}

/** What would have to be run or done to be let in, and is not. */
const notTaken: Readonly<Record<string, string>> = {
  'exec': 'a program to run', 'auth-provider': 'a program to run', 'password': 'a password', 'as': 'another user to act as', 'proxy-url': 'a proxy',
};

/**
 * @param paths one file, which must be there, or those of KUBECONFIG, of which some may be missing; the first that has a thing wins
 * @throws `usage` with every problem, `environment` for a file that is not there
 */
export async function readKubeconfig(paths: readonly string[]): Promise<ClusterAccess> {
  const problems: Problem[] = [];
  const files = (await Promise.all(paths.map((path) => readFileAt(path, paths.length === 1, problems)))).flatMap((file) => file ?? []);
  if (files.length === 0) throw new ZastavaError('environment', `there is no kubeconfig: ${paths.join(', ')}`);

  const named = (list: string, name: unknown, member: string): Part => {
    for (const { part, folder } of files) {
      const entry = checkList(part[list], list, problems).map((each) => checkObject(each, list, problems)).find((each) => each['name'] === name);
      if (entry) return { part: checkObject(entry[member] ?? {}, `${list}.${member}`, problems), folder };
    }
    problems.push({ where: list, expected: `one that is named ${JSON.stringify(name ?? null)}`, found: 'none' });
    return { part: {}, folder: '' };
  };
  const current = files.map(({ part }) => part['current-context']).find((name) => typeof name === 'string' && name !== '');
  const { part: context } = named('contexts', current, 'context');
  const [cluster, user] = [named('clusters', context['cluster'], 'cluster'), named('users', context['user'], 'user')];
  const server = checkText(cluster.part['server'], 'cluster.server', problems);
  for (const [name, found] of Object.entries(notTaken)) {
    const todo = 'make a kubeconfig with a token for this: kubectl create token NAME';
    if (cluster.part[name] !== undefined || user.part[name] !== undefined) problems.push({ where: name, expected: 'a client certificate or a token', found, todo });
  }
  if (problems.length > 0) throw new ZastavaError('usage', `${paths.join(', ')}: this kubeconfig cannot be used here`, { problems });
  return accessOf(server, cluster, user);
}

async function accessOf(server: string, cluster: Part, user: Part): Promise<ClusterAccess> {
  const [ca, cert, key] = [await readPem(cluster, 'certificate-authority'), await readPem(user, 'client-certificate'), await readPem(user, 'client-key')];
  const { token: inline, tokenFile } = user.part;
  const token = typeof tokenFile === 'string' ? (await readInput(resolve(user.folder, tokenFile), 'token')).trim() : inline;
  const servername = cluster.part['tls-server-name'];
  return {
    server,
    ...(typeof token === 'string' && { token }),
    tls: {
      ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }),
      ...(typeof servername === 'string' && { servername }),
      ...(cluster.part['insecure-skip-tls-verify'] === true && { rejectUnauthorized: false as const }),
    },
  };
}

async function readFileAt(path: string, mustBeThere: boolean, problems: Problem[]): Promise<Part | undefined> {
  const text = mustBeThere ? await readInput(path, 'kubeconfig') : await readInputIfThere(path);
  if (text === undefined) return undefined;
  try {
    return { part: checkObject(parse(text, { prettyErrors: false }), path, problems), folder: dirname(path) };
  } catch {
    // The parser's own message quotes the text, which holds keys.
    throw new ZastavaError('usage', `${path} is not YAML`);
  }
}

/** In the file itself, or in another. */
async function readPem({ part, folder }: Part, name: string): Promise<string | undefined> {
  const [inline, file] = [part[`${name}-data`], part[name]];
  if (typeof inline === 'string') return Buffer.from(inline, 'base64').toString('utf8');
  return typeof file === 'string' ? readInput(resolve(folder, file), name) : undefined;
}

/** @param named by an option; else the files of KUBECONFIG, or the one of kubectl */
export function kubeconfigPaths(named: string | undefined): readonly string[] {
  const paths = named !== undefined ? [named] : (process.env['KUBECONFIG'] ?? '').split(delimiter).filter(Boolean);
  return paths.length > 0 ? paths : [join(homedir(), '.kube/config')];
}
