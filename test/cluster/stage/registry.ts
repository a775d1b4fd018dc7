/** The site's registry: distribution, with TLS of the site's own authority, on the node beside the cluster. */
import { peer } from '../../peers/harness/peers.ts';
import type { TestPki } from '../../fakes/test-pki.ts';
import type { StageFolder } from './folder.ts';
import { nodeAddress, ports, registryHost } from './names.ts';
import type { NodeRoom } from './node-room.ts';

export async function prepareRegistry(folder: StageFolder, pki: TestPki): Promise<void> {
  const { cert, key } = await pki.server([registryHost, 'localhost']);
  folder.write('registry/config.yaml', {
    version: 0.1, log: { level: 'info' }, storage: { filesystem: { rootdirectory: folder.dir('registry/data') } },
    http: { addr: `${nodeAddress}:${ports.registry}`, secret: 'of the stage', tls: { certificate: folder.write('registry/tls.crt', cert), key: folder.write('registry/tls.key', key, 0o600) } },
  });
}

export function startRegistry(folder: StageFolder, room: NodeRoom): void {
  room.start('registry', [peer('distribution'), 'serve', folder.at('registry/config.yaml')]);
}
