/** What makes the room a node: containerd with runc and CNI, kubelet, kube-proxy. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { eventually } from '../../peers/harness/commands.ts';
import { peer } from '../../peers/harness/peers.ts';
import type { ControlPlane } from './control-plane.ts';
import type { StageFolder } from './folder.ts';
import { dnsAddress, nodeAddress, nodeName, podNetwork, registryHost } from './names.ts';
import type { NodeRoom } from './node-room.ts';

const socket = '/run/containerd/containerd.sock';
export const sandboxImage = 'stage.local/pause:1';

/** @param registryAuthority PEM of whom the registry's certificate is from. */
export function prepareNode(folder: StageFolder, registryAuthority: string): void {
  folder.write('containerd/config.toml', containerdConfig(folder));
  folder.write(`containerd/certs.d/${registryHost}/ca.crt`, registryAuthority);
  folder.write(`containerd/certs.d/${registryHost}/hosts.toml`, `server = "https://${registryHost}"\n[host."https://${registryHost}"]\n  capabilities = ["pull", "resolve"]\n  ca = "${folder.at(`containerd/certs.d/${registryHost}/ca.crt`)}"\n`);
  folder.write('cni/10-stage.conflist', {
    cniVersion: '1.0.0', name: 'stage',
    plugins: [{ type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true, ipam: { type: 'host-local', ranges: [[{ subnet: podNetwork }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: '/run/cni' } }],
  });
}

/** Comes back when containerd answers. */
export async function startContainerd(folder: StageFolder, room: NodeRoom): Promise<void> {
  // The shim of this version is found beside containerd.
  room.start('containerd', [peer('containerd2'), '--config', folder.at('containerd/config.toml')], { PATH: `${dirname(peer('containerd2'))}:${process.env['PATH']}` });
  await eventually(async () => {
    if (!room.runs('containerd')) throw new Error(`containerd ended: ${readFileSync(room.log('containerd'), 'utf8').slice(-2000)}`);
    await room.succeed(...ctr('version'));
  });
}

/** Arguments that ask this containerd about what is Kubernetes'. */
export function ctr(...args: string[]): string[] {
  return [peer('ctr2'), '--address', socket, '--namespace', 'k8s.io', ...args];
}

/** Imports the images of an archive. */
export async function importImage(room: NodeRoom, archive: string): Promise<void> {
  await room.succeed(...ctr('images', 'import', '--local', archive));
}

export function startKubelet(folder: StageFolder, room: NodeRoom, plane: ControlPlane, controlGroup: string): void {
  folder.write('kubernetes/kubelet.yaml', kubeletConfig(folder, controlGroup));
  room.start('kubelet', [peer('kubelet'), '--config', folder.at('kubernetes/kubelet.yaml'), '--kubeconfig', plane.kubeconfig('kubelet'), '--hostname-override', nodeName, '--node-ip', nodeAddress, '--cert-dir', '/var/lib/kubelet/pki'], { PATH: process.env['PATH'] ?? '' });
}

export function startProxy(folder: StageFolder, room: NodeRoom, plane: ControlPlane): void {
  const config = folder.write('kubernetes/proxy.yaml', {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode: 'nftables', clusterCIDR: podNetwork,
    clientConnection: { kubeconfig: plane.kubeconfig('proxy') }, conntrack: { maxPerCore: 0, min: 0 },
  });
  room.start('kube-proxy', [peer('kube-proxy'), '--config', config, '--hostname-override', nodeName]);
}

function containerdConfig(folder: StageFolder): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "${socket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${sandboxImage}"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "${folder.at('containerd/certs.d')}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${dirname(peer('cni-bridge'))}"]
  conf_dir = "${folder.at('cni')}"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

function kubeletConfig(folder: StageFolder, controlGroup: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: false }, x509: { clientCAFile: folder.at('kubernetes/kubelet-client-ca.crt') } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${socket}`,
    cgroupDriver: 'cgroupfs', cgroupRoot: controlGroup, failCgroupV1: false, failSwapOn: false, enforceNodeAllocatable: [],
    evictionHard: { 'memory.available': '100Mi' }, localStorageCapacityIsolation: false, makeIPTablesUtilChains: false,
    clusterDNS: [dnsAddress], clusterDomain: 'cluster.local', resolvConf: '',
    // So that a changed Secret is in the Pods within seconds.
    syncFrequency: '10s', nodeStatusUpdateFrequency: '5s', serializeImagePulls: false,
  };
}
