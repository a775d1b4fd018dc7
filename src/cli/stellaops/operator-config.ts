/**
 * By what the operator proves who she is, and where the backends are: the environment, or ~/.config/stellaops/cli.yaml. Never
 * the client of a workload: an audit must tell the two apart.
 */
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { parsePodValues } from '../../config/parse-values.ts';
import type { Values } from '../../config/schema.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { mountPaths } from '../../contract/names.ts';
import { readInput, readInputIfThere } from '../terminal/inputs.ts';

type Runtime = Values['zastava']['runtime'];

/** Setting, as the file names it → its environment variable. */
const variables = {
  authorityIssuer: 'STELLAOPS_AUTHORITY_ISSUER',
  clientId: 'STELLAOPS_AUTHORITY_CLIENT_ID',
  dpopKey: 'STELLAOPS_AUTHORITY_DPOP_KEY',
  clientCert: 'STELLAOPS_AUTHORITY_CLIENT_CERT',
  clientKey: 'STELLAOPS_AUTHORITY_CLIENT_KEY',
  scope: 'STELLAOPS_AUTHORITY_SCOPE',
  scannerUrl: 'STELLAOPS_SCANNER_URL',
} as const;

type Setting = keyof typeof variables;
type Settings = Partial<Record<Setting, string>>;

const required: readonly Setting[] = ['authorityIssuer', 'clientId', 'dpopKey', 'scannerUrl'];
const paths: readonly Setting[] = ['dpopKey', 'clientCert', 'clientKey'];

/** Of a question, which changes nothing. */
const defaultScope = 'aud:scanner';

export interface OperatorConfig {
  readonly runtime: Runtime;
  /** Name as in the Secrets of a Pod → the file of the operator's own. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * @param site what a site's values say of Scanner and its workloads
 * @throws `usage` with every problem, `values.invalid` for a URL that is none, `environment` for a file that is not there
 */
export async function readOperatorConfig(env: NodeJS.ProcessEnv, site?: Runtime): Promise<OperatorConfig> {
  const path = join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'stellaops/cli.yaml');
  const text = await readInputIfThere(path);
  const file = text === undefined ? {} : readSettings(text, path);
  const settings: Settings = Object.fromEntries(Object.entries(variables).flatMap(([name, variable]) => {
    const value = env[variable] || file[name as Setting];
    return value === undefined ? [] : [[name, value]];
  }));
  const problems = problemsOf(settings, path, site?.authority.clientId ?? 'zastava-runtime');
  if (problems.length > 0) throw new ZastavaError('usage', 'the operator is not configured', { problems });

  const { authorityIssuer, clientId, scannerUrl, dpopKey = '', clientCert, clientKey = '', scope = defaultScope } = settings;
  const files = { 'dpop/jwk.json': dpopKey, ...(clientCert !== undefined && { 'mtls/tls.crt': clientCert, 'mtls/tls.key': clientKey }) };
  for (const each of Object.values(files)) await readInput(each, "operator's key or certificate");
  const runtime = {
    tenant: 'operator', environment: 'operator', deployment: 'operator', metrics: { commonTags: { cluster: 'operator' } },
    authority: { issuer: authorityIssuer, clientId, audience: site?.authority.audience, scopes: scope.split(' '), requireMutualTls: clientCert !== undefined },
    backend: { ...site?.backend, baseAddress: scannerUrl },
  };
  return { runtime: parsePodValues(JSON.stringify({ zastava: { runtime } }), "the operator's settings").zastava.runtime, files };
}

function problemsOf(settings: Settings, path: string, workload: string): Problem[] {
  const of = (name: Setting, expected: string, found: string): Problem => ({ where: variables[name], expected, found });
  return [
    ...required.filter((name) => settings[name] === undefined).map((name) => of(name, `a value, or ${name} in ${path}`, 'none')),
    ...((settings.clientCert === undefined) === (settings.clientKey === undefined) ? [] : [of('clientKey', `both it and ${variables.clientCert}, or neither`, 'one of the two')]),
    ...(settings.clientId === workload ? [of('clientId', "the operator's own client", `${workload}, the client of the observers and webhooks`)] : []),
    ...paths.filter((name) => settings[name] !== undefined && resolve(settings[name]).startsWith(`${mountPaths.authority}/`)).map((name) => of(name, "a file of the operator's own", "a workload's Secret")),
  ];
}

/** Paths in the file are relative to it. */
function readSettings(text: string, path: string): Settings {
  let value: unknown;
  try {
    value = parse(text, { prettyErrors: false });
  } catch {
    throw new ZastavaError('usage', `${path} is not YAML`);
  }
  const entries = typeof value === 'object' && value !== null ? Object.entries(value as Record<string, unknown>) : [];
  const known = Object.keys(variables).join(', ');
  const problems = entries.filter(([name, setting]) => !Object.hasOwn(variables, name) || typeof setting !== 'string')
    .map(([name]): Problem => ({ where: `${path}: ${name}`, expected: `one of ${known}, with a text`, found: 'something else' }));
  if (problems.length > 0) throw new ZastavaError('usage', `${path} has problems`, { problems });
  return Object.fromEntries(entries.map(([name, setting]) => [name, paths.includes(name as Setting) ? resolve(dirname(path), setting as string) : setting]));
}
