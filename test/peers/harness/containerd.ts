/** A containerd of a test's own: all that it keeps lies in one folder, and in its network namespace there is nothing to pull from. */
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { peer } from './peers.ts';
import { type Server, startServer } from './servers.ts';

/** Starts that containerd; it listens on the socket when this comes back. */
export function startContainerd(containerd: string, folder: string, socket: string): Promise<Server> {
  const config = join(folder, 'config.toml');
  writeFileSync(config, renderConfig(folder, socket));
  // The shim of this version is found beside containerd.
  const env = { PATH: `${dirname(containerd)}${delimiter}${process.env['PATH']}` };
  return startServer(peer('unshare'), ['-n', '--', containerd, '--config', config], /containerd successfully booted/, { env });
}

/** Without the parts that serve Kubernetes. Version 2 is read by 1.6 and by 2.x. */
function renderConfig(folder: string, socket: string): string {
  const kubernetes = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime', 'io.containerd.podsandbox.controller.v1.podsandbox'];
  return [
    'version = 2',
    `root = ${JSON.stringify(join(folder, 'root'))}`,
    `state = ${JSON.stringify(join(folder, 'state'))}`,
    `disabled_plugins = ${JSON.stringify(kubernetes)}`,
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
    '',
  ].join('\n');
}
