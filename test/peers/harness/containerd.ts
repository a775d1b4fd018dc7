/** A containerd of a test's own: all that it keeps lies in one folder, and in its network namespace there is nothing to pull from. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run } from './commands.ts';
import { peer } from './peers.ts';
import { type Server, startServer } from './servers.ts';

export interface ContainerdOptions {
  /** With it the CRI is served, too. */
  readonly sandboxImage?: string;
  /** In the network of the test, so that a container on the host's network reaches the test's servers. */
  readonly hostNetwork?: boolean;
}

/** Starts that containerd; it listens on the socket when this comes back. */
export function startContainerd(containerd: string, folder: string, socket: string, { sandboxImage, hostNetwork = false }: ContainerdOptions = {}): Promise<Server> {
  const config = join(folder, 'config.toml');
  writeFileSync(config, renderConfig(folder, socket, sandboxImage));
  // The shim of this version is found beside containerd.
  const env = { PATH: `${dirname(containerd)}${delimiter}${process.env['PATH']}` };
  // The CRI listens on loopback for what `kubectl exec` would send.
  const up = sandboxImage === undefined ? [] : ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const apart = hostNetwork ? [] : ['-n', '--', ...up];
  return startServer(peer('unshare'), [...apart, containerd, '--config', config], /containerd successfully booted/, { env });
}

/** Ends what a containerd that was killed in the middle of a start has forgotten: shims of its socket, and their containers. */
export async function endForgotten(socket: string): Promise<void> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const args = commandLine(pid);
    const id = args[args.indexOf('-id') + 1];
    if (!args[0]?.endsWith('/containerd-shim-runc-v2') || id === undefined || args[args.indexOf('-address') + 1] !== socket) continue;
    await run(peer('runc'), ['--root', '/run/containerd/runc/k8s.io', 'delete', '--force', id]);
    await run('kill', ['-KILL', pid]);
  }
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Version 2 is read by 1.6 and by 2.x. */
function renderConfig(folder: string, socket: string, sandboxImage: string | undefined): string {
  const kubernetes = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime', 'io.containerd.podsandbox.controller.v1.podsandbox'];
  const served = [
    '[plugins."io.containerd.grpc.v1.cri"]',
    `sandbox_image = ${JSON.stringify(sandboxImage)}`,
    // In a container without CAP_SYS_RESOURCE it may not be lowered.
    'restrict_oom_score_adj = true',
  ];
  return [
    'version = 2',
    `root = ${JSON.stringify(join(folder, 'root'))}`,
    `state = ${JSON.stringify(join(folder, 'state'))}`,
    ...(sandboxImage === undefined ? [`disabled_plugins = ${JSON.stringify(kubernetes)}`] : []),
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
    ...(sandboxImage === undefined ? [] : served),
    '',
  ].join('\n');
}
