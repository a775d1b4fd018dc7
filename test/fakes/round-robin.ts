/** What a Service does in a cluster: connections go in turn to the replicas that are ready; those that are open stay where they are. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Replica {
  readonly port: number;
  readonly telemetryPort: number;
}

const lookMs = 50;

export class RoundRobin {
  readonly #server: Server;
  readonly #replicas = new Set<Replica>();
  readonly #ready = new Set<Replica>();
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Socket>();
  #next = 0;

  private constructor() {
    this.#server = createServer((client) => {
      const ready = [...this.#ready];
      const replica = ready[this.#next++ % ready.length];
      if (replica === undefined) return client.destroy();
      const server = connect(replica.port, '127.0.0.1');
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) this.#open.add(socket.once('close', () => this.#open.delete(socket)));
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
    this.#timer = setInterval(() => void this.#look(), lookMs);
  }

  /** On any free port of 127.0.0.1, or where a Service is. */
  static async start(port = 0, host = '127.0.0.1'): Promise<RoundRobin> {
    const own = new RoundRobin();
    own.#server.listen(port, host);
    await once(own.#server, 'listening');
    return own;
  }

  get host(): string {
    return (this.#server.address() as AddressInfo).address;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get ready(): number {
    return this.#ready.size;
  }

  serves(replica: Replica): boolean {
    return this.#ready.has(replica);
  }

  add(replica: Replica): void {
    this.#replicas.add(replica);
  }

  remove(replica: Replica): void {
    this.#replicas.delete(replica);
    this.#ready.delete(replica);
  }

  async #look(): Promise<void> {
    for (const replica of this.#replicas) {
      const ready = await fetch(`http://127.0.0.1:${replica.telemetryPort}/readyz`).then(({ ok }) => ok, () => false);
      if (ready && this.#replicas.has(replica)) this.#ready.add(replica);
      else this.#ready.delete(replica);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
