/** What the journeys share: the stage, the person who walks, the site's applications; and the table at the end. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Operator } from '../stage/operator.ts';
import { Stage } from '../stage/stage.ts';
import { pushWorkloads, type Workloads } from '../stage/workloads.ts';

const checkout = join(import.meta.dirname, '../../..');

/** Scanner's at this site. */
export const sitePolicy = {
  revision: 'rev-2', ttlSeconds: 5, otherwise: { policyVerdict: 'pass', signed: true },
  rules: [{ image: 'apps/unsigned', policyVerdict: 'fail', signed: false, reasons: ['image.unsigned'] }],
};

interface Row {
  readonly journey: string;
  readonly section: string;
  readonly seconds: number;
  readonly counted: string;
}

export class Walk {
  readonly stage: Stage;
  readonly operator: Operator;
  readonly workloads: Workloads;
  readonly #rows: Row[] = [];
  #created = 0;
  /** Values of the observer that differ from the defaults. */
  observer: object = {};
  /** Likewise, of Authority. */
  authority: object = {};
  readonly #appendix: string[] = [];

  private constructor(stage: Stage, operator: Operator, workloads: Workloads) {
    [this.stage, this.operator, this.workloads] = [stage, operator, workloads];
  }

  static async begin(say?: (step: string) => void): Promise<Walk> {
    const stage = await Stage.start(say);
    try {
      return await Walk.#beginOn(stage);
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  static async #beginOn(stage: Stage): Promise<Walk> {
    const operator = new Operator(stage);
    // The medium, and what came another way.
    const kit = process.env['STAGE_KIT'] ?? join(checkout, 'offline-kit');
    for (const [folder, to] of [[kit, 'medium'], [join(kit, 'trust'), 'trust']] as const) {
      mkdirSync(join(operator.folder, to), { recursive: true });
      for (const name of readdirSync(folder).filter((entry) => entry.startsWith('zastava-runtime') || entry === 'trusted_root.json')) copyFileSync(join(folder, name), join(operator.folder, to, name));
    }
    for (const namespace of ['payments', 'batch']) await stage.kubectl('create', 'namespace', namespace);
    return new Walk(stage, operator, await pushWorkloads(stage));
  }

  /** Values of this site: what is marked "yours" in the sample. */
  values(webhook: object): string {
    return stringify({
      zastava: {
        runtime: { tenant: 'tenant-a', environment: 'test', deployment: 'stage', authority: { issuer: 'https://authority.internal', ...this.authority }, backend: { baseAddress: 'https://scanner.internal' }, metrics: { commonTags: { cluster: 'stage' } } },
        images: { registry: 'registry.internal/zastava' },
        observer: this.observer,
        webhook: {
          excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', 'stellaops', 'authority', 'scanner', 'registry'],
          tls: { caBundle: this.operator.read('keys/webhook-tls/ca.crt') }, ...webhook,
        },
      },
    });
  }

  /** A row of the table; told at once, too, for a walk that is broken off. */
  count(journey: string, section: string, since: number, counted: string): void {
    const row = { journey, section, seconds: Math.round((Date.now() - since) / 100) / 10, counted };
    this.#rows.push(row);
    process.stderr.write(`${render(row)}\n`);
  }

  /** A further table, likewise. */
  append(table: string): void {
    this.#appendix.push(table);
    process.stderr.write(`${table}\n`);
  }

  /** Markdown. */
  table(): string {
    return ['| journey | runbook | seconds | counted |', '|---|---|---|---|', ...this.#rows.map(render), ...this.#appendix.flatMap((table) => ['', table])].join('\n');
  }

  /** A Pod of an image that does nothing, as JSON for the API. */
  pod(name: string, namespace: string, image: string, rest: object = {}): object {
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image, ...rest }] } };
  }

  /** A Pod of another image each time: a question to Scanner, whatever is in a cache. No such image is there, so that it is for dry runs. */
  podToAskAbout(): object {
    return this.pod('asked', 'payments', `registry.internal/apps/payments@sha256:${randomBytes(32).toString('hex')}`);
  }

  /** Creates it; gives what kubectl said, whatever that is. */
  create(pod: object): ReturnType<Stage['tryKubectl']> {
    const path = this.stage.folder.write(`pods/${this.#created++}.json`, pod);
    return this.stage.tryKubectl('create', '-f', path);
  }

  /** One number of Prometheus, the first of several; undefined when there is none, or it is NaN. @throws with what Prometheus says of a query that it refuses */
  async ask(query: string): Promise<number | undefined> {
    const response = await fetch(`http://127.0.0.1:${this.stage.port('prometheus')}/api/v1/query?query=${encodeURIComponent(query)}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: { result: { value: [number, string] }[] } };
    if (status !== 'success') throw new Error(`${query}: ${error}`);
    const number = Number(data.result[0]?.value[1]);
    return Number.isNaN(number) ? undefined : number;
  }
}

function render({ journey, section, seconds, counted }: Row): string {
  return `| ${journey} | ${section} | ${seconds} | ${counted} |`;
}
