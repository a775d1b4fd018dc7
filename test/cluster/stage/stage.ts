/**
 * A real cluster of one node as a site would have it, in namespaces of its own: control plane, containerd, kubelet, DNS, a registry,
 * Authority, Scanner and Prometheus. Nothing else can be reached from inside. What it keeps lies in one folder, and goes with it.
 */
import { readFileSync } from 'node:fs';
import { TestPki } from '../../fakes/test-pki.ts';
import { eventually, run, succeed, type Outcome } from '../../peers/harness/commands.ts';
import { peer } from '../../peers/harness/peers.ts';
import { ControlPlane } from './control-plane.ts';
import { putCurl } from './curl.ts';
import { Doorway } from './doorway.ts';
import { StageFolder } from './folder.ts';
import { packStageImages } from './images.ts';
import { nodeAddress, nodeName, ports, scannerFolder } from './names.ts';
import { importImage, prepareNode, startContainerd, startKubelet, startProxy } from './node.ts';
import { NodeRoom } from './node-room.ts';
import { startPrometheus } from './prometheus.ts';
import { prepareRegistry, startRegistry } from './registry.ts';
import { siteObjects } from './site.ts';

export class Stage {
  readonly folder: StageFolder;
  readonly pki: TestPki;
  readonly room: NodeRoom;
  readonly #plane: ControlPlane;
  readonly #doorway: Doorway;

  private constructor(folder: StageFolder, pki: TestPki, plane: ControlPlane) {
    [this.folder, this.pki, this.#plane] = [folder, pki, plane];
    this.room = new NodeRoom(folder);
    this.#doorway = new Doorway(folder, { api: `${nodeAddress}:${ports.apiServer}`, prometheus: `${nodeAddress}:${ports.prometheus}`, registry: `${nodeAddress}:${ports.registry}` });
  }

  /** Comes back when the node is Ready and Authority and Scanner answer. @param say told of each step */
  static async start(say: (step: string) => void = () => {}): Promise<Stage> {
    const folder = StageFolder.make();
    let stage: Stage | undefined;
    try {
      const pki = await TestPki.make();
      stage = new Stage(folder, pki, await ControlPlane.prepare(folder, pki));
      prepareNode(folder, pki.ca);
      await prepareRegistry(folder, pki);
      stage.setPolicy({ revision: 'rev-1', rules: [], otherwise: { policyVerdict: 'pass', signed: true } });
      putCurl(folder.dir('node', scannerFolder, 'bin'));
      const images = packStageImages();
      say('booting the node');
      await stage.boot(await images);
      say('the node is Ready; starting DNS, Authority and Scanner');
      await stage.apply(await siteObjects(pki));
      for (const [namespace, name] of [['kube-system', 'coredns'], ['authority', 'authority'], ['scanner', 'scanner-web']] as const) await stage.kubectl('-n', namespace, 'rollout', 'status', `deploy/${name}`, '--timeout=120s');
      return stage;
    } catch (error) {
      if (process.env['STAGE_KEEP'] === undefined) await (stage === undefined ? folder.remove() : stage.stop());
      throw error;
    }
  }

  /** From nothing, or from the disks of before: a reboot of the node. */
  async boot(images: readonly string[] = []): Promise<void> {
    const { folder, room } = this;
    const since = Date.now();
    const controlGroup = folder.makeControlGroup();
    await room.open();
    const node = (async () => {
      await startContainerd(folder, room);
      for (const image of images) await importImage(room, image);
    })();
    startRegistry(folder, room);
    await Promise.all([this.#plane.start(room), this.#doorway.open(room), node]);
    this.#plane.kubeconfig('admin', `https://127.0.0.1:${this.#doorway.ports['api']}`);
    startProxy(folder, room, this.#plane);
    startKubelet(folder, room, this.#plane, controlGroup);
    startPrometheus(folder, room, this.#plane);
    await eventually(async () => {
      if (!room.runs('kubelet')) throw new Error(`the kubelet ended: ${readFileSync(room.log('kubelet'), 'utf8').slice(-2000)}`);
      const [state, heard] = (await this.kubectl('get', 'node', nodeName, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].lastHeartbeatTime}')).split(' ');
      // What was true before a reboot still stands there.
      if (state !== 'True' || Date.parse(heard ?? '') < since - 1000) throw new Error(`the node is not Ready: ${state} ${heard}`);
    }, 90);
  }

  /** As when the power goes: the disks stay. */
  powerOff(): Promise<void> {
    return this.room.close();
  }

  /** As `systemctl restart containerd` does: containers run on. */
  async restartContainerd(): Promise<void> {
    await this.room.stop('containerd');
    await startContainerd(this.folder, this.room);
  }

  /** Path for `KUBECONFIG`, outside of the node. */
  get kubeconfig(): string {
    return this.folder.at('kubernetes/admin-outside.kubeconfig');
  }

  get adminToken(): string {
    return this.#plane.token('admin');
  }

  /** Fails when kubectl does. */
  kubectl(...args: string[]): Promise<string> {
    return succeed(peer('kubectl'), ['--kubeconfig', this.kubeconfig, ...args]);
  }

  tryKubectl(...args: string[]): Promise<Outcome> {
    return run(peer('kubectl'), ['--kubeconfig', this.kubeconfig, ...args]);
  }

  async apply(objects: readonly object[]): Promise<void> {
    const path = this.folder.write('apply.json', { apiVersion: 'v1', kind: 'List', items: objects }, 0o600);
    await this.kubectl('apply', '--server-side', '-f', path);
  }

  /** What Scanner judges by from now on. */
  setPolicy(policy: object): void {
    this.folder.write(`node${scannerFolder}/policy.json`, policy);
  }

  /** Lines of a journal that Scanner keeps: `events`, `gaps`, `questions`. */
  journal<T>(name: 'events' | 'gaps' | 'questions'): T[] {
    try {
      // Behind the last line break is what is being written.
      return readFileSync(this.folder.at('node', scannerFolder, `${name}.jsonl`), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as T);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Of Prometheus, the registry or the API server, on the loopback of the outer world. */
  port(name: 'prometheus' | 'registry' | 'api'): number {
    return this.#doorway.ports[name]!;
  }

  async stop(): Promise<void> {
    this.#doorway.close();
    await this.room.close();
    this.folder.remove();
  }
}
