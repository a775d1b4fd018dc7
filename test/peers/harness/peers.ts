/**
 * Finds other people's tools: the pinned ones where `provide` built them, and only there, since a version is part of
 * what is tested; Debian's on PATH. A missing one is a loud skip on a laptop and a failure where CI=true.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** Peer → the tool of `provide` that brings it, and the name of its binary. */
const pinned = {
  oras: ['oras', 'oras'],
  crane: ['crane', 'crane'],
  distribution: ['distribution', 'registry'],
  cosign2: ['cosign2', 'cosign'],
  cosign3: ['cosign3', 'cosign'],
  containerd2: ['containerd', 'containerd'],
  ctr2: ['containerd', 'ctr'],
  reference: ['reference', 'reference'],
  'kube-apiserver': ['kubernetes', 'kube-apiserver'],
  'kube-controller-manager': ['kubernetes', 'kube-controller-manager'],
  'kube-scheduler': ['kubernetes', 'kube-scheduler'],
  'kube-proxy': ['kubernetes', 'kube-proxy'],
  kubelet: ['kubernetes', 'kubelet'],
  kubectl: ['kubernetes', 'kubectl'],
  helm3: ['helm3', 'helm'],
  helm4: ['helm4', 'helm'],
  flux: ['flux', 'flux'],
  argocd: ['argocd', 'argocd'],
  kustomize: ['kustomize', 'kustomize'],
  'argo-cd': ['argo', 'cmd'],
  'argo-redis': ['argo', 'argo'],
  coredns: ['coredns', 'coredns'],
  'cni-bridge': ['cni', 'bridge'],
  'cdk8s-cli': ['cdk8s', 'cdk8s'],
} as const;

const onPath = [
  'containerd', 'ctr', 'etcd', 'runc', 'umoci', 'skopeo', 'prometheus', 'promtool', 'ip', 'nft', 'bash', 'qemu-aarch64-static',
  'zstd', 'python3', 'tar', 'git', 'go', 'npm', 'openssl', 'unshare', 'nsenter', 'setpriv', 'chromium',
  'debuginfod-find', 'eu-unstrip', 'gdb', 'readelf', 'gcc', 'musl-gcc', 'mkfs.ext4', 'strace', 'jq', 'curl', 'ldd', 'pgrep', 'findmnt',
] as const;

export type Peer = keyof typeof pinned | (typeof onPath)[number];

const folders = execFileSync(join(import.meta.dirname, '..', 'provide'), ['--bin'], { encoding: 'utf8' }).trim().split('\n');

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function find(peer: Peer): string | undefined {
  if (!(peer in pinned)) return (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, peer)).find(isExecutable);
  const [tool, binary] = pinned[peer as keyof typeof pinned];
  // A folder of `provide` is named <tool>-<key of its version>.
  const named = new RegExp(`/${tool}-[^/]+(/|$)`);
  return folders.filter((folder) => named.test(folder)).map((folder) => join(folder, binary)).find(isExecutable);
}

/** The path of a peer. Throws when it is not there. */
export function peer(name: Peer): string {
  const path = find(name);
  if (path === undefined) throw new Error(`${name} is not there: run test/peers/provide (as root, to install Debian's)`);
  return path;
}

export const isRoot = process.getuid?.() === 0;

/** A `describe` that needs these peers, and `root` where namespaces or mounts are made. */
export function describeWith(needs: readonly (Peer | 'root')[], title: string, body: () => void): void {
  const missing = needs.filter((need) => (need === 'root' ? !isRoot : find(need) === undefined));
  if (missing.length === 0) {
    describe(title, body);
  } else if (process.env['CI'] === 'true') {
    test(title, () => {
      throw new Error(`not there: ${missing.join(', ')}; run test/peers/provide as root`);
    });
  } else {
    process.stderr.write(`\n*** NOT TESTED: ${title}\n*** missing: ${missing.join(', ')}; test/peers/provide brings them (as root)\n\n`);
    test.skip(`${title} (missing: ${missing.join(', ')})`);
  }
}
