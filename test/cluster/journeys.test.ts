/** The product proven as a whole: one person, the kit, the runbook, and a cluster that reaches nothing else. */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeWith } from '../peers/harness/peers.ts';
import { admit } from './journeys/admit.ts';
import { csr } from './journeys/csr.ts';
import { incidents } from './journeys/incidents.ts';
import { install } from './journeys/install.ts';
import { leave } from './journeys/leave.ts';
import { observe } from './journeys/observe.ts';
import { receive } from './journeys/receive.ts';
import { resources } from './journeys/resources.ts';
import { rounds } from './journeys/rounds.ts';
import { upgrade } from './journeys/upgrade.ts';
import { Walk } from './journeys/walk.ts';

describeWith(['root', 'kubelet', 'kube-apiserver', 'kube-proxy', 'coredns', 'cni-bridge', 'containerd2', 'etcd', 'runc', 'nft', 'ip', 'distribution', 'prometheus', 'promtool', 'oras', 'skopeo', 'cosign3', 'unshare', 'nsenter', 'setpriv'], 'the runbook on a real cluster', () => {
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

  describe('receive and load', () => receive(walk));
  describe('fresh install', () => install(walk));
  describe('observe', () => observe(walk));
  describe('admit', () => admit(walk));
  describe('install in CSR mode', () => csr(walk));
  describe('resources', () => resources(walk));
  describe('upgrade and rollback', () => upgrade(walk));
  describe('incidents', () => incidents(walk));
  describe('faults at random', () => rounds(walk));
  describe('leave', () => leave(walk));
});
