/** Pods asked for one after another, as a dry run: each is admitted or refused, none is stored. What is not admitted is kept. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { Stage } from './stage.ts';

/** Longer than the API server waits for a webhook. */
const patienceMs = 15_000;

export class AdmissionLoad {
  readonly #agent: Agent;
  readonly #ask: () => Promise<{ status: number; text: string }>;
  readonly #running: Promise<void>;
  #ended = false;
  /** Asked so far. */
  asked = 0;
  /** Of the slowest answer. */
  latencyMsMax = 0;
  /** What was answered in place of 201. */
  readonly failures: string[] = [];

  /** @param pod makes the Pod of each request. @param everyMs pause between two requests */
  constructor(stage: Stage, namespace: string, pod: () => object, everyMs: number) {
    this.#agent = new Agent({ keepAlive: true, ca: readFileSync(stage.folder.at('kubernetes/apiserver.crt')), servername: 'kubernetes.default.svc' });
    const headers = { 'authorization': `Bearer ${stage.adminToken}`, 'content-type': 'application/json' };
    this.#ask = () => new Promise((resolve) => {
      const fail = (error: Error): void => resolve({ status: 0, text: String(error) });
      const sent = request({ host: '127.0.0.1', port: stage.port('api'), method: 'POST', path: `/api/v1/namespaces/${namespace}/pods?dryRun=All`, headers, agent: this.#agent, signal: AbortSignal.timeout(patienceMs) }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', fail);
      });
      sent.on('error', fail).end(JSON.stringify(pod()));
    });
    this.#running = this.#run(everyMs);
  }

  async #run(everyMs: number): Promise<void> {
    while (!this.#ended) {
      const since = performance.now();
      const { status, text } = await this.#ask();
      this.latencyMsMax = Math.max(this.latencyMsMax, performance.now() - since);
      this.asked++;
      if (status !== 201) this.failures.push(`${new Date().toISOString()} ${status} ${text.slice(0, 300)}`);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
    this.#agent.destroy();
  }
}
