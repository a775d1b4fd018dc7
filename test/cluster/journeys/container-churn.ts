/** Containers that start and end without pause, in Pods that the webhook is asked about. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Walk } from './walk.ts';

/** Some end at once, some while something is replaced. */
const commands = [['/usr/bin/true'], ['/usr/bin/sleep', '2'], ['/usr/bin/sleep', '20']];

export class ContainerChurn {
  readonly #running: Promise<void>;
  #ended = false;
  /** Pods asked for. */
  asked = 0;
  /** What kubectl said when one was not created. */
  readonly failures: string[] = [];

  /** @param namespace is there, and enforced. @param everyMs pause between two Pods */
  constructor(walk: Walk, namespace: string, everyMs: number) {
    this.#running = this.#run(walk, namespace, everyMs);
  }

  async #run(walk: Walk, namespace: string, everyMs: number): Promise<void> {
    while (!this.#ended) {
      const pod = walk.pod(`churn-${this.asked}`, namespace, walk.workloads.payments, { command: commands[this.asked % commands.length] }) as { spec: object };
      const { code, stderr } = await walk.create({ ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } });
      this.asked++;
      if (code !== 0) this.failures.push(`${new Date().toISOString()} ${stderr}`);
      await sleep(everyMs);
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }
}
