/**
 * Does the cluster's registration of this webhook fit its values? A registration that somebody changed by hand fails open, or
 * blocks what the webhook itself needs to start. Differences are told, in words that say what to do; they never stop it.
 */
import { checkList, checkObject, type JsonObject } from '../../bytes/json-checks.ts';
import type { Values } from '../../config/schema.ts';
import { admissionScope } from '../../contract/admission.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { namespace, objectNames, servicePort } from '../../contract/names.ts';
import { httpPaths, serverLimits } from '../../contract/programs.ts';
import type { Log } from '../telemetry/logs.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { compareNamespaces, standsBehindFail } from './registered-namespaces.ts';

const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
/** Pauses between two looks. Often while it differs: Argo CD and Flux may register a webhook once it is ready, so after its first look. */
const pauses = { fitsMs: 10 * 60_000, differsMs: 10_000 };
const again = 'apply the manifests again';
const blockedWithout = 'is judged with failurePolicy Fail: it could not start while the webhook is down; add it to zastava.webhook.excludedNamespaces';

export interface RegistrationParts {
  readonly api: KubernetesApi;
  readonly zastava: Pick<Values['zastava'], 'runtime' | 'webhook'>;
  /** Why a client that trusts this bundle (PEM) could not connect to us; null if it could. */
  readonly handshake: (caBundle: string) => Promise<string | null>;
}

/** Everything that differs, one line each. @throws `cluster.unavailable`, `cluster.refused` */
export async function checkRegistration({ api, zastava, handshake }: RegistrationParts): Promise<string[]> {
  const { webhook } = zastava;
  const differences: string[] = [];
  const selectors: { fail?: JsonObject; ignore?: JsonObject } = {};
  for (const [name, failurePolicy, key] of [[objectNames.webhook, 'Fail', 'fail'], [objectNames.webhookFailOpen, 'Ignore', 'ignore']] as const) {
    const configuration = await readConfiguration(api, name);
    if (configuration === undefined) {
      if (key === 'fail' || failsOpen(webhook)) differences.push(`the cluster has no ValidatingWebhookConfiguration ${name}: no Pod is judged by it; ${again}`);
      continue;
    }
    const webhooks = checkList(configuration['webhooks'], 'webhooks', []).map((each) => checkObject(each, 'webhook', []));
    if (webhooks.length !== 1) differences.push(`${name}: expected one webhook, found ${webhooks.length}; ${again}`);
    const [only] = webhooks;
    if (only === undefined) continue;
    selectors[key] = checkObject(only['namespaceSelector'] ?? {}, 'namespaceSelector', []);
    const found = [...compareFields(failurePolicy, only), ...compareClient(only), ...compareRules(only), ...(await compareCa(only, handshake))];
    differences.push(...found.map((difference) => `${name}: ${difference}`));
  }
  const both = { fail: selectors.fail, ignore: selectors.ignore };
  // Of what is not there it has been said already that it judges nothing.
  if (both.fail === undefined || (both.ignore === undefined && failsOpen(webhook))) return differences;
  const blocked = neededToStart(zastava).filter(([name]) => standsBehindFail(name, both));
  return [...differences, ...compareNamespaces(both, webhook), ...blocked.map(([name, what]) => `the namespace ${name} of ${what} ${blockedWithout}`)];
}

async function readConfiguration(api: KubernetesApi, name: string): Promise<JsonObject | undefined> {
  const { status, body } = await api.call('GET', `${path}/${name}`);
  if (status === 404) return undefined;
  if (status !== 200) throw new ZastavaError('cluster.refused', `the API server answers ${status} to GET ${path}/${name}; the ClusterRole ${objectNames.webhook} of the manifests allows it`);
  return checkObject(body, name, []);
}

function failsOpen({ enforcement, failOpenNamespaces }: Values['zastava']['webhook']): boolean {
  return enforcement.default !== 'enforce' || failOpenNamespaces.length > 0 || Object.values(enforcement.namespaces).some((mode) => mode !== 'enforce');
}

function compareFields(failurePolicy: string, webhook: JsonObject): string[] {
  const expected: readonly (readonly [string, unknown, string])[] = [
    ['failurePolicy', failurePolicy, 'with another one, Pods get past a webhook that does not answer, or are blocked by it'],
    ['timeoutSeconds', serverLimits.admissionTimeoutSeconds, again],
    ['sideEffects', 'None', again],
    ['matchPolicy', 'Equivalent', again],
    // Whoever makes a Pod sets its labels, and so would choose whether it is judged.
    ['objectSelector', {}, 'with one, labels of a Pod decide whether it is judged'],
    ['matchConditions', [], 'with them, Pods get past the webhook'],
  ];
  return expected.flatMap(([field, wanted, todo]) => {
    const found = webhook[field] ?? (typeof wanted === 'object' ? wanted : null);
    return JSON.stringify(found) === JSON.stringify(wanted) ? [] : [`${field}: expected ${JSON.stringify(wanted)}, found ${JSON.stringify(found).slice(0, 200)}; ${todo}`];
  });
}

function compareClient(webhook: JsonObject): string[] {
  const { service, url } = checkObject(webhook['clientConfig'], 'clientConfig', []);
  const { name, namespace: where, path: at, port = servicePort } = checkObject(service ?? {}, 'service', []);
  const [wanted, found] = [`${objectNames.webhook}.${namespace}:${servicePort}${httpPaths.validate}`, typeof url === 'string' ? url : `${name}.${where}:${port}${at}`];
  return found === wanted ? [] : [`clientConfig: expected the Service ${wanted}, found ${found}; ${again}`];
}

function compareRules(webhook: JsonObject): string[] {
  const rules = checkList(webhook['rules'], 'rules', []).map((rule) => checkObject(rule, 'rule', []));
  const includes = (rule: JsonObject, field: string, ...wanted: string[]): boolean => checkList(rule[field], field, []).some((each) => wanted.includes(String(each)));
  const covers = (resource: string, operation: string): boolean =>
    rules.some((rule) =>
      includes(rule, 'apiGroups', '', '*') && includes(rule, 'apiVersions', 'v1', '*') && includes(rule, 'resources', resource, resource.includes('/') ? 'pods/*' : '*', '*/*')
      && includes(rule, 'operations', operation, '*') && rule['scope'] !== 'Cluster');
  const wanted = [...admissionScope.operations.map((operation) => ['pods', operation] as const), ['pods/ephemeralcontainers', 'UPDATE'] as const];
  return wanted.filter(([resource, operation]) => !covers(resource, operation)).map(([resource, operation]) => `rules: ${operation} of ${resource} is not judged; ${again}`);
}

async function compareCa(webhook: JsonObject, handshake: RegistrationParts['handshake']): Promise<string[]> {
  const { caBundle } = checkObject(webhook['clientConfig'], 'clientConfig', []);
  const pem = typeof caBundle === 'string' ? Buffer.from(caBundle, 'base64').toString('utf8') : '';
  const reason = pem.includes('-----BEGIN CERTIFICATE-----') ? await handshake(pem) : 'it is empty';
  return reason === null ? [] : [`caBundle does not verify the serving certificate (${reason}): the API server cannot call the webhook; put the authority that issued it into zastava.webhook.tls.caBundle`];
}

/** Namespaces of backends that are Services of this cluster, and that the values do not exclude: `scanner.tools.svc`, `scanner.tools.svc.cluster.local`. */
function neededToStart({ runtime, webhook }: RegistrationParts['zastava']): (readonly [string, string])[] {
  const addresses = [[runtime.backend.baseAddress, 'Scanner'], [runtime.authority.issuer, 'Authority'], ...webhook.registries.map((host) => [`https://${host}`, `the registry ${host}`] as const)] as const;
  return addresses.flatMap(([address, what]) => {
    const [, name] = /^[^.]+\.([a-z0-9-]+)\.svc(?:\.|$)/.exec(new URL(address).hostname) ?? [];
    return name === undefined || webhook.excludedNamespaces.includes(name) ? [] : [[name, what] as const];
  });
}

/** Compares at once and then again and again; what has been told is not told again. @returns compares now */
export function watchRegistration({ api, log, ...parts }: Omit<RegistrationParts, 'api'> & { readonly api: KubernetesApi | undefined; readonly log: Log }, { fitsMs, differsMs } = pauses): () => Promise<void> {
  const scoped = log.child({ scope: 'admission.registration' });
  let told: string | undefined;
  const check = async (): Promise<void> => {
    try {
      if (api === undefined) throw new ZastavaError('environment', 'there is no ServiceAccount token here');
      const differences = await checkRegistration({ api, ...parts });
      if (differences.join() === told) return;
      told = differences.join();
      for (const difference of differences) scoped.warn({ difference }, 'the registration of this webhook differs from its values');
      if (differences.length === 0) scoped.info('the registration of this webhook fits its values');
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (told !== problem) scoped.warn({ error }, 'the registration of this webhook cannot be checked');
      told = problem;
    }
  };
  const watch = async (): Promise<void> => {
    await check();
    if (api !== undefined) setTimeout(() => void watch(), told === '' ? fitsMs : differsMs).unref();
  };
  void watch();
  return check;
}
