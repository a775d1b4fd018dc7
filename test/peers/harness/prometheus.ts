/** A real Prometheus on loopback that keeps everything in one folder, and what its HTTP API answers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './commands.ts';
import { peer } from './peers.ts';
import { type Server, startServer } from './servers.ts';

export type Labels = Readonly<Record<string, string>>;

interface RuleAnswer {
  readonly name: string;
  readonly type: 'alerting' | 'recording';
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

export class Prometheus {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${server.ready[1]}`;
  }

  /** @param targets job → port on loopback, scraped each second; @param rules paths of rule files, evaluated each second */
  static async start(folder: string, { targets = {}, rules = [] }: { readonly targets?: Readonly<Record<string, number>>; readonly rules?: readonly string[] } = {}): Promise<Prometheus> {
    const config = join(folder, 'prometheus.yaml');
    mkdirSync(join(folder, 'data'), { recursive: true });
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: rules,
      scrape_configs: Object.entries(targets).map(([job, port]) => ({ job_name: job, static_configs: [{ targets: [`127.0.0.1:${port}`] }] })),
    }));
    const server = await startServer(peer('prometheus'), [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--storage.tsdb.retention.time=100y', '--web.listen-address=127.0.0.1:0'],
      /msg="Listening on" address=127\.0\.0\.1:(\d+)/);
    const prometheus = new Prometheus(server);
    await eventually(async () => {
      if ((await fetch(`${prometheus.url}/-/ready`)).status !== 200) throw new Error('Prometheus is not ready');
    });
    return prometheus;
  }

  async rules(): Promise<RuleAnswer[]> {
    const { groups } = await this.#ask<{ groups: { rules: RuleAnswer[] }[] }>('rules', {});
    return groups.flatMap(({ rules }) => rules);
  }

  /** Labels of every series that matches, `__name__` among them. */
  series(match: string): Promise<Labels[]> {
    return this.#ask('series', { 'match[]': match });
  }

  /** @param at Unix time in seconds; now if none */
  async query(expr: string, at?: number): Promise<{ metric: Labels; value: [number, string] }[]> {
    return (await this.#ask<{ result: { metric: Labels; value: [number, string] }[] }>('query', { query: expr, ...(at !== undefined && { time: String(at) }) })).result;
  }

  labelValues(label: string, match: string, start: number, end: number): Promise<string[]> {
    return this.#ask(`label/${label}/values`, { 'match[]': match, start: String(start), end: String(end) });
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async #ask<T>(path: string, parameters: Readonly<Record<string, string>>): Promise<T> {
    const answer = (await (await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`)).json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`);
    return answer.data;
  }
}
