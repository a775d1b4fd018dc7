/** What the objects may and may not be (contract sections 1 and 2): rights, mounts, images, webhooks, Secrets. */
import { describe, expect, test } from 'vitest';
import { buildRuleGroups } from '../../src/constructs/observability/rules.ts';
import { configKey, secretNames } from '../../src/contract/names.ts';
import { programPaths, serverLimits, shutdownLimits } from '../../src/contract/programs.ts';
import { at, renderObjects, walk, type KubernetesObject } from '../fakes/rendered-objects.ts';
import { readSet, setNames, type SetName } from '../fakes/value-sets.ts';

type Named = { name: string } & Record<string, unknown>;

function objectsOf(set: SetName): KubernetesObject[] {
  return renderObjects(readSet(set));
}

function find(set: SetName, kind: string, name?: string): KubernetesObject {
  const found = objectsOf(set).find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
  if (!found) throw new Error(`${set} has no ${kind} ${name ?? ''}`);
  return found;
}

function podOf(set: SetName, kind: 'DaemonSet' | 'Deployment') {
  const pod = at(find(set, kind), 'spec.template.spec') as Record<string, unknown>;
  const container = at(pod, 'containers.0') as Record<string, unknown>;
  return { pod, container, volumes: pod['volumes'] as Named[], mounts: container['volumeMounts'] as (Named & { mountPath: string; readOnly?: boolean })[] };
}

function certificatePlace(set: SetName) {
  const { volumes, mounts } = podOf(set, 'Deployment');
  const mount = mounts.find(({ mountPath }) => mountPath === programPaths.tlsDir);
  return { mount, volume: volumes.find(({ name }) => name === mount?.name) };
}

describe.each(setNames)('the Pods of %s', (set) => {
  test.each(['DaemonSet', 'Deployment'] as const)('have the least rights: %s', (kind) => {
    const { pod, container } = podOf(set, kind);
    expect((pod['containers'] as unknown[]).length).toBe(1);
    expect(container['securityContext']).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    expect(at(pod, 'securityContext.seccompProfile')).toEqual({ type: 'RuntimeDefault' });
    expect(walk(pod).filter(([path]) => ['privileged', 'hostNetwork', 'hostIPC', 'hostPort'].includes(path.at(-1) ?? ''))).toEqual([]);
    expect(pod['terminationGracePeriodSeconds']).toBe(shutdownLimits.terminationGraceSeconds);
  });

  test('name their images by digest', () => {
    const images = objectsOf(set).flatMap((object) => walk(object).filter(([path]) => path.at(-1) === 'image').map(([, value]) => String(value)));
    const registry = readSet(set).zastava.images.registry;
    expect(images).toEqual([`${registry}/observer@sha256:${'a'.repeat(64)}`, `${registry}/webhook@sha256:${'b'.repeat(64)}`]);
  });

  test.each(['DaemonSet', 'Deployment'] as const)('mount every volume they have, and none twice: %s', (kind) => {
    const { volumes, mounts } = podOf(set, kind);
    expect(mounts.map(({ name }) => name).sort()).toEqual(volumes.map(({ name }) => name).sort());
    expect(new Set(mounts.map(({ mountPath }) => mountPath)).size).toBe(mounts.length);
  });

  test.each(['DaemonSet', 'Deployment'] as const)('read their configuration as the file that the program opens: %s', (kind) => {
    const { mounts } = podOf(set, kind);
    expect(mounts.find(({ name }) => name === 'config')).toMatchObject({ mountPath: programPaths.config, subPath: configKey, readOnly: true });
    expect(at(find(set, kind), 'spec.template.metadata.annotations')).toHaveProperty(['checksum/config']);
  });

  test('refer to Secrets and make none', () => {
    expect(objectsOf(set).filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const { authority } = readSet(set).zastava.runtime;
    const { registrySecret, tls: { mode } } = readSet(set).zastava.webhook;
    const referred = (kind: 'DaemonSet' | 'Deployment') => podOf(set, kind).volumes.flatMap(({ secret }) => (secret ? [(secret as { secretName: string }).secretName] : [])).sort();
    const wanted = [
      ...(authority.requireDpop ? [secretNames.dpop] : []), ...(authority.requireMutualTls ? [secretNames.mtls] : []),
      ...(authority.allowStaticTokenFallback ? [secretNames.static] : []),
    ].sort();
    expect(referred('DaemonSet')).toEqual(wanted);
    expect(referred('Deployment')).toEqual([...wanted, ...(mode === 'secret' ? [secretNames.webhookTls] : []), ...(registrySecret === undefined ? [] : [registrySecret])].sort());
  });

  test('the webhook may ask the API server for its registration, and for certificates in CSR mode only; the observer for nothing', () => {
    const csr = readSet(set).zastava.webhook.tls.mode === 'csr';
    expect(podOf(set, 'DaemonSet').pod['automountServiceAccountToken']).toBe(false);
    const bindings = objectsOf(set).filter(({ kind }) => kind.endsWith('RoleBinding'));
    expect(bindings.map(({ subjects }) => subjects)).toEqual([[{ kind: 'ServiceAccount', name: 'zastava-webhook', namespace: 'stellaops' }]]);
    const rules = (objectsOf(set).filter(({ kind }) => kind === 'ClusterRole')[0]!['rules'] as { resources: string[]; resourceNames?: string[]; verbs: string[] }[]);
    expect(rules[0]).toMatchObject({ resources: ['validatingwebhookconfigurations'], resourceNames: ['zastava-webhook', 'zastava-webhook-failopen'], verbs: ['get'] });
    expect(rules.slice(1).some(({ resources }) => resources.includes('certificatesigningrequests'))).toBe(csr);
  });
});

describe('the observer', () => {
  test('mounts the node read-only but its scratch and its buffer', () => {
    for (const set of setNames) {
      const { volumes, mounts, pod } = podOf(set, 'DaemonSet');
      const host = volumes.filter(({ hostPath }) => hostPath).map(({ name, hostPath }) => ({
        path: (hostPath as { path: string }).path, writable: mounts.find((mount) => mount.name === name)?.readOnly !== true,
      }));
      const { observer } = readSet(set).zastava;
      expect(host).toEqual([
        { path: '/proc', writable: false },
        { path: observer.containerd.root, writable: false },
        { path: observer.containerd.socket.replace(/\/[^/]+$/, ''), writable: false },
        { path: '/var/run/zastava', writable: true },
        { path: observer.bufferHostPath, writable: true },
      ]);
      expect(pod['hostPID']).toBe(true);
    }
  });

  test('runs on every node, with the two capabilities of adr/0003 and the AppArmor profile of the values', () => {
    const { pod, container } = podOf('minimal', 'DaemonSet');
    expect(pod).toMatchObject({ priorityClassName: 'system-node-critical', tolerations: [{ operator: 'Exists' }] });
    expect(at(container, 'securityContext.capabilities.add')).toEqual(['DAC_READ_SEARCH', 'SYS_PTRACE']);
    expect(at(container, 'securityContext.appArmorProfile')).toEqual({ type: 'Unconfined' });
    expect(at(podOf('watching', 'DaemonSet').container, 'securityContext.appArmorProfile')).toBeUndefined();
    const hardened = podOf('everything', 'DaemonSet');
    expect(at(hardened.container, 'securityContext.appArmorProfile')).toEqual({ type: 'Localhost', localhostProfile: 'zastava-observer' });
    expect(at(hardened.pod, 'securityContext.seLinuxOptions')).toEqual({ type: 'spc_t' });
  });

  test('sees the fallback token come and go without waiting for it', () => {
    const { volumes } = podOf('everything', 'DaemonSet');
    expect(volumes.find(({ name }) => name === 'authority-static')?.['secret']).toMatchObject({ optional: true });
    for (const { secret } of podOf('minimal', 'DaemonSet').volumes) expect(secret ?? {}).not.toHaveProperty('optional');
  });
});

describe('the webhook', () => {
  test('is updated without a gap, spread, and kept from being drained as a whole', () => {
    const deployment = find('minimal', 'Deployment');
    expect(deployment['spec']).toMatchObject({ replicas: 3, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    const { pod } = podOf('minimal', 'Deployment');
    expect((pod['topologySpreadConstraints'] as { topologyKey: string }[]).map(({ topologyKey }) => topologyKey)).toEqual(['kubernetes.io/hostname', 'topology.kubernetes.io/zone']);
    expect(at(find('minimal', 'PodDisruptionBudget'), 'spec.maxUnavailable')).toBe(1);
    expect(pod['securityContext']).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532 });
  });

  test('takes its certificate from the Secret; one of its own is in no file', () => {
    expect(certificatePlace('minimal')).toMatchObject({ mount: { readOnly: true }, volume: { secret: { secretName: secretNames.webhookTls } } });
    expect(certificatePlace('everything')).toEqual({ mount: undefined, volume: undefined });
  });

  test('may approve certificates of its own signer only, and only with autoApprove', () => {
    const request = { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['create', 'get'] };
    const rulesOf = (set: SetName) => (find(set, 'ClusterRole')['rules'] as unknown[]).slice(1);
    expect(rulesOf('watching')).toEqual([request]);
    expect(rulesOf('everything')).toEqual([
      request,
      { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
      { apiGroups: ['certificates.k8s.io'], resources: ['signers'], resourceNames: ['example.com/webhooks'], verbs: ['approve'] },
    ]);
  });
});

function configurations(set: SetName) {
  return objectsOf(set).filter(({ kind }) => kind === 'ValidatingWebhookConfiguration');
}

function selectors(set: SetName) {
  return Object.fromEntries(configurations(set).map((object) => {
    const [{ operator, values }] = at(object, 'webhooks.0.namespaceSelector.matchExpressions') as [{ operator: string; values?: string[] }];
    return [object.metadata.name, [operator, ...(values ?? [])]];
  }));
}

describe('the webhook configurations', () => {
  test.each(setNames)('judge Pods and their ephemeral containers only, within the deadline: %s', (set) => {
    for (const object of configurations(set)) {
      expect(object['webhooks']).toHaveLength(1);
      const webhook = at(object, 'webhooks.0') as Record<string, unknown>;
      expect(webhook).toMatchObject({
        admissionReviewVersions: ['v1'], matchPolicy: 'Equivalent', sideEffects: 'None', timeoutSeconds: serverLimits.admissionTimeoutSeconds,
        failurePolicy: object.metadata.name === 'zastava-webhook' ? 'Fail' : 'Ignore',
      });
      const rules = webhook['rules'] as { operations: string[]; resources: string[]; scope: string }[];
      expect(rules.map(({ operations, resources, scope }) => [resources, operations, scope])).toEqual([
        [['pods'], ['CREATE', 'UPDATE'], 'Namespaced'],
        [['pods/ephemeralcontainers'], ['UPDATE'], 'Namespaced'],
      ]);
      expect(webhook).not.toHaveProperty('objectSelector');
      const service = at(webhook, 'clientConfig.service') as { namespace: string; name: string; path: string; port: number };
      expect(service).toEqual({ namespace: 'stellaops', name: 'zastava-webhook', path: '/validate', port: 443 });
      expect(Buffer.from(at(webhook, 'clientConfig.caBundle') as string, 'base64').toString()).toBe(readSet(set).zastava.webhook.tls.caBundle);
    }
  });

  test('are without the failopen one when nothing fails open', () => {
    expect(selectors('minimal')).toEqual({ 'zastava-webhook': ['NotIn', 'kube-node-lease', 'kube-public', 'kube-system', 'stellaops'] });
  });

  test('divide relaxed namespaces from enforced ones', () => {
    const relaxed = ['10', '9', 'batch', 'legacy', 'payments', 'sandbox'];
    expect(selectors('everything')).toEqual({
      'zastava-webhook': ['NotIn', '10', '9', 'batch', 'kube-system', 'legacy', 'payments', 'sandbox', 'scanner', 'stellaops'],
      'zastava-webhook-failopen': ['In', ...relaxed],
    });
  });

  test('keep the main one, selecting nothing, when nothing is enforced', () => {
    expect(selectors('watching')).toEqual({
      'zastava-webhook': ['DoesNotExist'],
      'zastava-webhook-failopen': ['NotIn', 'kube-node-lease', 'kube-public', 'kube-system', 'stellaops'],
    });
  });

  test('go namespace by namespace when enforcement does', () => {
    expect(selectors('stepwise')).toEqual({
      'zastava-webhook': ['In', 'shop'],
      'zastava-webhook-failopen': ['NotIn', 'kube-node-lease', 'kube-public', 'kube-system', 'shop', 'stellaops'],
    });
  });
});

describe('the custom resources', () => {
  test('are there by explicit value only, with the rules of docs/ops', () => {
    expect(objectsOf('minimal').filter(({ apiVersion }) => apiVersion.startsWith('monitoring.'))).toEqual([]);
    expect(find('everything', 'PrometheusRule')['spec']).toEqual({ groups: buildRuleGroups() });
    expect(find('everything', 'PodMonitor')['spec']).toMatchObject({ podMetricsEndpoints: [{ port: 'telemetry', path: '/metrics' }] });
  });

  test('select by ports and labels that the Pods have', () => {
    const selected = at(find('everything', 'PodMonitor'), 'spec.selector.matchExpressions.0.values') as string[];
    for (const kind of ['DaemonSet', 'Deployment'] as const) {
      expect(selected).toContain(at(find('everything', kind), 'spec.template.metadata.labels.app'));
      expect((podOf('everything', kind).container['ports'] as Named[]).map(({ name }) => name)).toContain('telemetry');
    }
  });
});
