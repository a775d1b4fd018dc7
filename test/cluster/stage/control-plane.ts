/** etcd, API server, controller manager and scheduler of one cluster, as processes on its node. Users are known by tokens. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { TestPki } from '../../fakes/test-pki.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { peer } from '../../peers/harness/peers.ts';
import type { StageFolder } from './folder.ts';
import { nodeAddress, nodeName, ports, serviceNetwork } from './names.ts';
import type { NodeRoom } from './node-room.ts';

const users = {
  'admin': { name: 'admin', groups: 'system:masters' },
  'controller-manager': { name: 'system:kube-controller-manager', groups: '' },
  'scheduler': { name: 'system:kube-scheduler', groups: '' },
  'kubelet': { name: `system:node:${nodeName}`, groups: 'system:nodes' },
  'proxy': { name: 'system:kube-proxy', groups: '' },
  'prometheus': { name: 'prometheus', groups: 'system:masters' },
} as const;

export type ClusterUser = keyof typeof users;

export class ControlPlane {
  readonly #folder: StageFolder;
  readonly #tokens: Readonly<Record<string, string>>;

  /** Writes keys, tokens and what the API server shows the kubelet. */
  static async prepare(folder: StageFolder, pki: TestPki): Promise<ControlPlane> {
    const plane = new ControlPlane(folder);
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    folder.write('kubernetes/sa.key', privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(), 0o600);
    folder.write('kubernetes/sa.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString());
    const client = await pki.client('kube-apiserver');
    folder.write('kubernetes/kubelet-client.crt', client.cert);
    folder.write('kubernetes/kubelet-client.key', client.key, 0o600);
    folder.write('kubernetes/kubelet-client-ca.crt', pki.ca);
    folder.write('kubernetes/tokens.csv', Object.entries(users).map(([user, { name, groups }]) => `${plane.#tokens[user]},${name},${user},"${groups}"\n`).join(''), 0o600);
    return plane;
  }

  private constructor(folder: StageFolder) {
    this.#folder = folder;
    this.#tokens = Object.fromEntries(Object.keys(users).map((user) => [user, randomBytes(16).toString('hex')]));
  }

  /** Its certificate vouches for itself: the API server makes it at its first start. */
  get authority(): string {
    return this.#folder.at('kubernetes/apiserver.crt');
  }

  token(user: ClusterUser): string {
    return this.#tokens[user]!;
  }

  /** @param server default: as seen from the node. */
  kubeconfig(user: ClusterUser, server = `https://${nodeAddress}:${ports.apiServer}`): string {
    const name = server.includes(nodeAddress) ? user : `${user}-outside`;
    return this.#folder.write(`kubernetes/${name}.kubeconfig`, {
      'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'stage',
      // The certificate names no loopback address.
      'clusters': [{ name: 'stage', cluster: { server, 'certificate-authority-data': readFileSync(this.authority).toString('base64'), ...(name !== user && { 'tls-server-name': 'kubernetes.default.svc' }) } }],
      'users': [{ name: user, user: { token: this.token(user) } }],
      'contexts': [{ name: 'stage', context: { cluster: 'stage', user } }],
    }, 0o600);
  }

  /** Comes back when the API server is ready; objects of before are there when the node's disk is. */
  async start(room: NodeRoom): Promise<void> {
    const at = (name: string): string => this.#folder.at('kubernetes', name);
    const [client, peers] = [`http://127.0.0.1:${ports.etcd}`, `http://127.0.0.1:${ports.etcdPeers}`];
    room.start('etcd', [peer('etcd'), '--data-dir', '/var/lib/etcd/data', '--listen-client-urls', client, '--advertise-client-urls', client,
      '--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`, '--unsafe-no-fsync']);
    room.start('kube-apiserver', [peer('kube-apiserver'), '--etcd-servers', client, '--secure-port', String(ports.apiServer), '--advertise-address', nodeAddress,
      '--cert-dir', this.#folder.dir('kubernetes'), '--token-auth-file', at('tokens.csv'), '--authorization-mode', 'Node,RBAC', '--allow-privileged=true',
      '--service-account-issuer', 'https://kubernetes.default.svc', '--service-account-key-file', at('sa.pub'), '--service-account-signing-key-file', at('sa.key'),
      '--service-cluster-ip-range', serviceNetwork, '--kubelet-preferred-address-types', 'InternalIP',
      '--kubelet-client-certificate', at('kubelet-client.crt'), '--kubelet-client-key', at('kubelet-client.key')]);
    await eventually(async () => {
      if (!room.runs('kube-apiserver')) throw new Error(`the API server ended: ${readFileSync(room.log('kube-apiserver'), 'utf8').slice(-2000)}`);
      if (!existsSync(this.authority)) throw new Error('the API server made no certificate');
      const kubeconfig = this.kubeconfig('admin');
      await room.succeed(peer('kubectl'), '--kubeconfig', kubeconfig, 'get', '--raw', '/readyz');
    }, 120);
    room.start('kube-controller-manager', [peer('kube-controller-manager'), '--kubeconfig', this.kubeconfig('controller-manager'), '--service-account-private-key-file', at('sa.key'),
      '--root-ca-file', this.authority, '--use-service-account-credentials', '--leader-elect=false', '--bind-address', '127.0.0.1', '--node-monitor-grace-period', '20s']);
    room.start('kube-scheduler', [peer('kube-scheduler'), '--kubeconfig', this.kubeconfig('scheduler'), '--leader-elect=false', '--bind-address', '127.0.0.1']);
  }
}
