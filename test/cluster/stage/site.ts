/** What a site has in its cluster before Zastava comes: DNS, Authority and Scanner, each in a namespace of its own. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { TestPki } from '../../fakes/test-pki.ts';
import { stageImages } from './images.ts';
import { dnsAddress, nodeAddress, scannerFolder, siteAddresses, siteNames } from './names.ts';

const labels = (app: string): object => ({ app });

/** Objects for `kubectl apply`, in that order. */
export async function siteObjects(pki: TestPki): Promise<object[]> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const open = { ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'test' };
  const authority = await pki.server([siteNames.authority]);
  const scanner = await pki.server([siteNames.scanner]);
  return [
    ...dnsObjects(),
    ...serverObjects({ namespace: 'authority', name: 'authority', address: siteAddresses.authority, image: stageImages.authority, mount: '/etc/authority', files: { 'tls.crt': authority.cert, 'tls.key': authority.key, 'ca.crt': pki.ca, 'signing.json': JSON.stringify(privateKey.export({ format: 'jwk' })) } }),
    ...serverObjects({ namespace: 'scanner', name: 'scanner-web', address: siteAddresses.scanner, image: stageImages.scanner, mount: '/etc/scanner', files: { 'tls.crt': scanner.cert, 'tls.key': scanner.key, 'ca.crt': pki.ca, 'authority.json': JSON.stringify(open) }, hostFolder: scannerFolder }),
  ];
}

interface SiteServer {
  readonly namespace: string;
  readonly name: string;
  /** Of its Service. */
  readonly address: string;
  readonly image: string;
  readonly mount: string;
  readonly files: Readonly<Record<string, string>>;
  /** Of the node, mounted at the same path; what lies in `bin` there can be run. */
  readonly hostFolder?: string;
}

/** Without it a container gets only what no other wants of a busy node. */
const requests = (cpu: string): object => ({ requests: { cpu } });

/** A Deployment behind a Service on 443, with its Secret. */
function serverObjects({ namespace, name, address, image, mount, files, hostFolder }: SiteServer): object[] {
  const metadata = { name, namespace };
  const volumes = [{ name: 'files', secret: { secretName: name } }, ...(hostFolder === undefined ? [] : [{ name: 'host', hostPath: { path: hostFolder, type: 'DirectoryOrCreate' } }])];
  const volumeMounts = [{ name: 'files', mountPath: mount, readOnly: true }, ...(hostFolder === undefined ? [] : [{ name: 'host', mountPath: hostFolder }])];
  const container = { name, image, imagePullPolicy: 'Never', ports: [{ containerPort: 8443 }], resources: requests('500m'), volumeMounts, ...(hostFolder !== undefined && { env: [{ name: 'PATH', value: `/usr/local/bin:${hostFolder}/bin` }] }), readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 } };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: files },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: address, selector: labels(name), ports: [{ port: 443, targetPort: 8443 }] } },
    deployment(metadata, { automountServiceAccountToken: false, enableServiceLinks: false, terminationGracePeriodSeconds: 2, containers: [container], volumes }, createHash('sha256').update(JSON.stringify(files)).digest('hex')),
  ];
}

function deployment(metadata: { readonly name: string; readonly namespace: string }, podSpec: object, checksum: string): object {
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata,
    spec: { selector: { matchLabels: labels(metadata.name) }, template: { metadata: { labels: labels(metadata.name), annotations: { checksum } }, spec: podSpec } },
  };
}

/** CoreDNS as clusters have it, with the names of the site's own servers. Nothing is forwarded: there is no outside. */
function dnsObjects(): object[] {
  const metadata = { name: 'coredns', namespace: 'kube-system' };
  const inCluster = (name: string, namespace: string): string => `${name}.${namespace}.svc.cluster.local`;
  const corefile = `.:53 {
  errors
  health :8181
  ready :8182
  rewrite name exact ${siteNames.authority} ${inCluster('authority', 'authority')} answer auto
  rewrite name exact ${siteNames.scanner} ${inCluster('scanner-web', 'scanner')} answer auto
  hosts {
    ${nodeAddress} ${siteNames.registry}
    fallthrough
  }
  kubernetes cluster.local
}
`;
  const rules = [
    { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ];
  const container = {
    name: 'coredns', image: stageImages.coredns, imagePullPolicy: 'Never', args: ['-conf', '/etc/coredns/Corefile'], resources: requests('100m'), volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
    readinessProbe: { httpGet: { path: '/ready', port: 8182 }, periodSeconds: 1 },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'system:coredns' }, rules },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'system:coredns' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' }, subjects: [{ kind: 'ServiceAccount', ...metadata }] },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: corefile } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: dnsAddress, selector: labels('coredns'), ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns-tcp', port: 53, protocol: 'TCP' }] } },
    deployment(metadata, { serviceAccountName: 'coredns', priorityClassName: 'system-cluster-critical', dnsPolicy: 'Default', terminationGracePeriodSeconds: 2, containers: [container], volumes: [{ name: 'config', configMap: { name: 'coredns' } }] }, createHash('sha256').update(corefile).digest('hex')),
  ];
}
