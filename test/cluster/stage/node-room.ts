/**
 * The room of one node: namespaces for processes, mounts, network and name, with disks of its own. Everything in it ends with its first
 * process, and that one with this process, however it ends: so no crash leaves a process, a mount or an interface behind.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { eventually, run, succeed, type Outcome } from '../../peers/harness/commands.ts';
import { peer } from '../../peers/harness/peers.ts';
import type { StageFolder } from './folder.ts';
import { nodeAddress, nodeName, siteAddresses, siteNames } from './names.ts';

/** What a node keeps on its disk; the rest of /var/lib is not there. */
const disks = ['cni', 'containerd', 'etcd', 'kubelet', 'zastava'];

/** /run is in memory, as on real nodes: scratch dies with a boot, the disks do not. The first process then reaps. */
const boot = `
set -e
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$1/node/var-lib" /var/lib
mount --bind "$1/node/var-log" /var/log
mount --bind "$1/node/var-opt" /var/opt
mount --bind "$1/node/srv" /srv
mount --bind "$1/etc/hosts" /etc/hosts
mount --bind "$1/etc/resolv.conf" /etc/resolv.conf
hostname "$2"
ip link set lo up
ip link add node0 type bridge
ip addr add "$3/24" dev node0
ip link set node0 up
# No such neighbour: a route is wanted, and it leads nowhere.
ip route add default via "$4"
sysctl -qw net.ipv4.ip_forward=1
echo booted
trap '' TERM INT
sleep infinity &
wait`;

export class NodeRoom {
  readonly #folder: StageFolder;
  readonly #servers = new Map<string, ChildProcess>();
  #first: ChildProcess | undefined;
  #pid = 0;

  constructor(folder: StageFolder) {
    this.#folder = folder;
    for (const disk of disks) folder.dir('node', 'var-lib', disk);
    for (const name of ['node/var-log', 'node/var-opt', 'node/srv', 'log']) folder.dir(...name.split('/'));
    folder.write('etc/hosts', `127.0.0.1 localhost\n${nodeAddress} ${nodeName} ${siteNames.registry}\n${siteAddresses.authority} ${siteNames.authority}\n${siteAddresses.scanner} ${siteNames.scanner}\n`);
    folder.write('etc/resolv.conf', '');
  }

  async open(): Promise<void> {
    const args = ['--pdeathsig', 'KILL', '--', peer('unshare'), '--mount', '--pid', '--net', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc', '--', 'bash', '-c', boot, 'node', this.#folder.path, nodeName, nodeAddress, nodeAddress.replace(/\d+$/, '254')];
    const first = spawn(peer('setpriv'), args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#first = first;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      first.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      first.stdout.setEncoding('utf8').on('data', (text: string) => text.includes('booted') && resolve());
      first.on('error', reject).on('close', () => reject(new Error(`the node did not boot: ${said}`)));
    });
    this.#pid = childOf(first);
  }

  /** The command that runs a command in the room. */
  inside(...command: string[]): [string, string[]] {
    return [peer('nsenter'), [`--target=${this.#pid}`, '--mount', '--net', '--pid', '--uts', '--ipc', '--', ...command]];
  }

  run(...command: string[]): Promise<Outcome> {
    return run(...this.inside(...command));
  }

  succeed(...command: string[]): Promise<string> {
    return succeed(...this.inside(...command));
  }

  /** Starts a server; its log is a file of its name. */
  start(name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    const log = openSync(this.log(name), 'a');
    const server = spawn(...this.inside(...command), { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    closeSync(log);
    this.#servers.set(name, server);
  }

  log(name: string): string {
    return this.#folder.at('log', `${name}.log`);
  }

  /** True until it has ended. */
  runs(name: string): boolean {
    const server = this.#servers.get(name);
    return server !== undefined && server.exitCode === null && server.signalCode === null;
  }

  /** Sends SIGTERM to the server itself, and waits for its end. */
  async stop(name: string): Promise<void> {
    const server = this.#servers.get(name);
    if (server === undefined || !this.runs(name)) return;
    // What was spawned is nsenter, which waits for the server.
    const child = childOf(server);
    const ended = new Promise((resolve) => server.once('close', resolve));
    process.kill(child, 'SIGTERM');
    await ended;
    this.#servers.delete(name);
  }

  /** As if the node lost its power. */
  async close(): Promise<void> {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    first.kill('SIGKILL');
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    await eventually(async () => {
      if (servers.some(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) throw new Error('the node still runs');
    });
  }
}

/** Id of the one process that it started. @throws when there is none: 0 would be our own group */
function childOf({ pid }: ChildProcess): number {
  const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  if (!(child > 0)) throw new Error(`process ${pid} has not one child`);
  return child;
}
