/** What the cluster itself says before an install: its version, what we may do there, the namespace and its nodes. Nothing is changed. */
import { checkList, checkObject, checkText, type JsonObject } from '../../../bytes/json-checks.ts';
import { namespace } from '../../../contract/names.ts';
import type { PreflightFinding } from '../../../contract/preflight.ts';
import { messageOf, type ApiServer } from '../../cluster/api-server.ts';

/** Fields of the manifests that came with it: appArmorProfile. */
const minorMin = 30;

/** group/resource → what an install does with it. */
const wanted: readonly (readonly [verb: string, group: string, resource: string, namespaced: boolean])[] = [
  ['create', '', 'pods', true], ['delete', '', 'pods', true], ['get', '', 'pods/log', true], ['get', '', 'secrets', true],
  ['patch', '', 'configmaps', true], ['patch', '', 'services', true], ['patch', '', 'serviceaccounts', true],
  ['patch', 'apps', 'daemonsets', true], ['patch', 'apps', 'deployments', true], ['patch', 'networking.k8s.io', 'networkpolicies', true],
  ['patch', 'rbac.authorization.k8s.io', 'clusterroles', false], ['patch', 'rbac.authorization.k8s.io', 'clusterrolebindings', false],
  ['patch', 'admissionregistration.k8s.io', 'validatingwebhookconfigurations', false], ['list', '', 'nodes', false],
];

export async function checkVersion(api: ApiServer): Promise<PreflightFinding> {
  const check = 'API server';
  const answer = await api.call('GET', '/version');
  const { gitVersion, minor } = answer.body;
  if (answer.status !== 200 || typeof gitVersion !== 'string') return { check, outcome: 'failed', found: `${api.address} does not say its version (${messageOf(answer)})`, todo: 'see the server and the credentials in the kubeconfig' };
  const found = `${api.address} is Kubernetes ${gitVersion}`;
  const number = Number.parseInt(String(minor), 10);
  return number >= minorMin ? { check, outcome: 'ok', found } : { check, outcome: 'failed', found, todo: `expected 1.${minorMin} or newer` };
}

export async function checkRights(api: ApiServer): Promise<PreflightFinding> {
  const check = 'rights of this kubeconfig';
  const answers = await Promise.all(wanted.map(async ([verb, group, resource, namespaced]) => {
    const [name, subresource] = resource.split('/');
    const resourceAttributes = { verb, group, resource: name, ...(subresource !== undefined && { subresource }), ...(namespaced && { namespace }) };
    const answer = await api.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } });
    return { answer, what: `${verb} ${resource}${group === '' ? '' : `.${group}`}`, allowed: checkObject(answer.body['status'] ?? {}, 'status', [])['allowed'] === true };
  }));
  const unasked = answers.find(({ answer }) => answer.status !== 201);
  if (unasked) return { check, outcome: 'unknown', found: `cannot be asked for (${messageOf(unasked.answer)})` };
  const lacking = answers.filter(({ allowed }) => !allowed).map(({ what }) => what);
  if (lacking.length === 0) return { check, outcome: 'ok', found: `enough to install into ${namespace}` };
  return { check, outcome: 'failed', found: `not: ${lacking.join(', ')}`, todo: 'use a kubeconfig of a cluster administrator, or have these rights given' };
}

export async function checkNamespace(api: ApiServer): Promise<PreflightFinding> {
  const check = `namespace ${namespace}`;
  const answer = await api.call('GET', `/api/v1/namespaces/${namespace}`);
  if (answer.status === 404) return { check, outcome: 'failed', found: 'is not there', todo: `kubectl create namespace ${namespace}, then make the Secrets (runbook 2.1, step 3)` };
  if (answer.status !== 200) return { check, outcome: 'unknown', found: messageOf(answer) };
  const labels = checkObject(checkObject(answer.body['metadata'], 'metadata', [])['labels'] ?? {}, 'labels', []);
  const level = labels['pod-security.kubernetes.io/enforce'];
  if (level === 'baseline' || level === 'restricted') return { check, outcome: 'failed', found: `enforces the Pod Security Standard ${level}, which the observer cannot keep`, todo: `kubectl label namespace ${namespace} pod-security.kubernetes.io/enforce=privileged --overwrite` };
  return { check, outcome: 'ok', found: level === undefined ? 'is there' : `is there, Pod Security Standard ${String(level)}` };
}

export interface ClusterNode {
  readonly name: string;
  readonly ready: boolean;
  /** An observer's Pod can run on it. */
  readonly suitable: boolean;
}

const architectures: readonly unknown[] = ['amd64', 'arm64'];

/** Linux nodes are those that an observer will run on. */
export async function checkNodes(api: ApiServer): Promise<{ readonly finding: PreflightFinding; readonly nodes: readonly ClusterNode[] }> {
  const check = 'nodes';
  const answer = await api.call('GET', '/api/v1/nodes');
  if (answer.status !== 200) return { finding: { check, outcome: 'unknown', found: messageOf(answer) }, nodes: [] };
  const parsed = checkList(answer.body['items'], 'items', []).map((item) => parseNode(checkObject(item, 'node', [])));
  const linux = parsed.filter(({ os }) => os === 'linux');
  const nodes = linux.map(({ name, ready, problem }) => ({ name, ready, suitable: problem === undefined }));
  const problems = linux.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]));
  const away = nodes.filter(({ ready }) => !ready).map(({ name }) => name);
  if (nodes.length === 0) return { finding: { check, outcome: 'failed', found: 'the cluster has no Linux node', todo: 'an observer needs one' }, nodes };
  if (problems.length > 0) return { finding: { check, outcome: 'failed', found: problems.join('; '), todo: 'the observer knows containerd on amd64 and arm64; its Pods fail on other nodes' }, nodes };
  const found = `${nodes.length} with Linux and containerd: ${([0, 1, 2] as const).map((at) => [...new Set(linux.map(({ kind }) => kind[at]))].sort().join(', ')).join('; ')}`;
  if (away.length > 0) return { finding: { check, outcome: 'warning', found: `${found}; not ready: ${away.join(', ')}`, todo: 'what is not ready is not looked at below' }, nodes };
  return { finding: { check, outcome: 'ok', found }, nodes };
}

function parseNode(node: JsonObject): { name: string; os: unknown; ready: boolean; kind: readonly [architecture: string, kubelet: string, runtime: string]; problem: string | undefined } {
  const status = checkObject(node['status'] ?? {}, 'status', []);
  const { operatingSystem: os, architecture, containerRuntimeVersion, kubeletVersion } = checkObject(status['nodeInfo'] ?? {}, 'nodeInfo', []);
  const conditions = checkList(status['conditions'], 'conditions', []).map((each) => checkObject(each, 'condition', []));
  const runtime = String(containerRuntimeVersion);
  return {
    name: checkText(checkObject(node['metadata'], 'metadata', [])['name'], 'name', []),
    os,
    ready: conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    kind: [String(architecture), `kubelet ${String(kubeletVersion)}`, runtime.replace('://', ' ')],
    problem: !runtime.startsWith('containerd://') ? `runs ${runtime}` : architectures.includes(architecture) ? undefined : `is ${String(architecture)}`,
  };
}
