/**
 * Proves that the stream of events is live: an event of our own goes in by Publish and must come out of the stream. Nothing
 * else says that a subscription stands, and what happens before it stands is never told.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerdClient } from './containerd-client.ts';
import type { Envelope } from './containerd-protocol.ts';

export const probeTopic = '/zastava/probe';
const typeUrl = 'zastava.runtime.Probe';

export class ContainerdProbe {
  readonly #client: ContainerdClient;
  /** Other observers of this containerd have probes, too. */
  readonly #mark = randomBytes(16);
  readonly #msMax: number;
  #round = 0;
  #arrived = 0;
  #waiting: { readonly round: number; readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(client: ContainerdClient, msMax: number) {
    this.#client = client;
    this.#msMax = msMax;
  }

  /** To be told of each event as it comes from the stream. */
  arrives(envelope: Envelope): void {
    this.#arrived = Math.max(this.#arrived, this.#roundOf(envelope));
  }

  /** To be told of each event when all before it are done. */
  handled(envelope: Envelope): void {
    if (this.#waiting && this.#roundOf(envelope) >= this.#waiting.round) this.#waiting.resolve();
  }

  /** Whoever waits for a probe waits no longer. */
  close(error: Error): void {
    this.#waiting?.reject(error);
  }

  /** Comes back when everything that happened before this call was told and handled. Throws when the probe does not come in time. */
  async prove(signal: AbortSignal): Promise<void> {
    const round = ++this.#round;
    const done = new Promise<void>((resolve, reject) => (this.#waiting = { round, resolve, reject }));
    // It may be refused while the next probe is on its way.
    done.catch(() => undefined);
    const value = Buffer.alloc(this.#mark.length + 4);
    this.#mark.copy(value);
    value.writeUInt32BE(round, this.#mark.length);
    const end = Date.now() + this.#msMax;
    for (let waitMs = 5; this.#arrived < round; waitMs = Math.min(2 * waitMs, 500)) {
      if (Date.now() > end) throw new Error('the probe did not come back: the stream of events is silent');
      await this.#client.call('containerd.services.events.v1.Events/Publish', { topic: probeTopic, event: { typeUrl, value } });
      await sleep(waitMs, undefined, { signal });
    }
    await done;
  }

  #roundOf({ topic, event }: Envelope): number {
    const value = event?.value;
    if (topic !== probeTopic || value?.length !== this.#mark.length + 4 || !this.#mark.equals(value.subarray(0, this.#mark.length))) return 0;
    return value.readUInt32BE(this.#mark.length);
  }
}
