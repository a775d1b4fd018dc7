/**
 * The product proven as a whole: one person, the kit, the runbook, and a cluster that reaches nothing else. FULL=1 adds the other ways
 * to install, what the plane costs, the incidents that wait for alerts, and the faults at random: half an hour more.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeWith } from '../peers/harness/peers.ts';
import { admit } from './journeys/admit.ts';
import { argoCd } from './journeys/argo-cd.ts';
import { csr } from './journeys/csr.ts';
import { incidents } from './journeys/incidents.ts';
import { install } from './journeys/install.ts';
import { leave } from './journeys/leave.ts';
import { manifests } from './journeys/manifests.ts';
import { observe } from './journeys/observe.ts';
import { receive } from './journeys/receive.ts';
import { resources } from './journeys/resources.ts';
import { rounds } from './journeys/rounds.ts';
import { shortestWay } from './journeys/shortest-way.ts';
import { upgrade } from './journeys/upgrade.ts';
import { Walk } from './journeys/walk.ts';

const full = process.env['FULL'] === '1';

describeWith(['root', 'kubelet', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubectl', 'coredns', 'cni-bridge', 'containerd2', 'ctr2', 'etcd', 'runc', 'nft', 'ip', 'distribution', 'prometheus', 'promtool', 'oras', 'crane', 'skopeo', 'cosign3', 'unshare', 'nsenter', 'setpriv', 'helm3', 'helm4', 'argo-cd', 'argo-redis', 'kustomize', 'go', 'git', 'jq', 'ldd', 'zstd', 'gdb', 'debuginfod-find', 'readelf', 'curl', 'findmnt', 'mkfs.ext4', 'openssl', 'pgrep'], 'the runbook on a real cluster', () => {
  let begun: Walk | undefined;
  const walk = (): Walk => begun!;

  beforeAll(async () => {
    const since = Date.now();
    begun = await Walk.begin();
    begun.count('(the stage)', '', since, 'from nothing to Authority and Scanner ready');
  });
  afterAll(async () => {
    if (begun === undefined) return;
    process.stderr.write(`\n${begun.table()}\n\n`);
    await begun.stage.stop();
  });

  describe('the shortest way', () => shortestWay(walk));
  describe('receive and load', () => receive(walk));
  describe.runIf(full)('install by plain manifests', () => manifests(walk));
  describe.runIf(full)('install by Argo CD', () => argoCd(walk));
  describe('fresh install', () => install(walk));
  describe('observe', () => observe(walk));
  describe('admit', () => admit(walk));
  describe.runIf(full)('install in CSR mode', () => csr(walk));
  describe.runIf(full)('resources', () => resources(walk));
  describe('upgrade and rollback', () => upgrade(walk));
  describe('incidents', () => incidents(walk));
  describe.runIf(full)('faults at random', () => rounds(walk));
  describe('leave', () => leave(walk));
});
