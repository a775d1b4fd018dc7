/** Ports on the loopback of the outer world that lead to servers on the node. */
import { existsSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../../peers/harness/commands.ts';
import type { StageFolder } from './folder.ts';
import type { NodeRoom } from './node-room.ts';

export class Doorway {
  readonly #servers: Server[] = [];
  readonly #targets: Readonly<Record<string, string>>;
  readonly #folder: StageFolder;
  readonly ports: Record<string, number> = {};

  /** @param targets name → `host:port` as seen from the node. */
  constructor(folder: StageFolder, targets: Readonly<Record<string, string>>) {
    [this.#folder, this.#targets] = [folder, targets];
  }

  /** The ports stay the same over a reboot of the node. */
  async open(room: NodeRoom): Promise<void> {
    const sockets = Object.fromEntries(Object.keys(this.#targets).map((name) => [name, this.#folder.at(`${name}.sock`)]));
    for (const path of Object.values(sockets)) rmSync(path, { force: true });
    room.start('relay', [process.execPath, join(import.meta.dirname, 'relay.ts'), ...Object.entries(this.#targets).flatMap(([name, target]) => [sockets[name]!, target])]);
    await eventually(async () => {
      if (!Object.values(sockets).every((path) => existsSync(path))) throw new Error('the relay did not start');
    });
    for (const [name, path] of Object.entries(sockets)) this.ports[name] ??= await this.#listen(path);
  }

  async #listen(path: string): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ path, allowHalfOpen: true });
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}
