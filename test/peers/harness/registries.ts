/** Other people's registries on loopback: `distribution` answers 404 on the referrers API, `crane` has it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from './peers.ts';
import { type Server, startServer } from './servers.ts';

/** Parts of distribution's configuration. */
interface DistributionOptions {
  readonly http?: object;
  readonly auth?: object;
}

/** Each keeps what it has in the folder; the port that it listens on is the first group of `ready`. */
export const registries = {
  distribution: (folder: string, { http = {}, auth }: DistributionOptions = {}): Promise<Server> => {
    const config = join(folder, 'registry.yaml');
    // JSON is YAML. Port 0: the log says which one it became.
    writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: 'info' }, storage: { filesystem: { rootdirectory: join(folder, 'registry') } }, http: { addr: '127.0.0.1:0', secret: 'loopback', ...http }, ...(auth && { auth }) }));
    return startServer(peer('distribution'), ['serve', config], /listening on 127\.0\.0\.1:(\d+)/);
  },
  crane: (folder: string): Promise<Server> => startServer(peer('crane'), ['registry', 'serve', '--address', '127.0.0.1:0', '--disk', folder], /serving on port (\d+)/),
} as const;
