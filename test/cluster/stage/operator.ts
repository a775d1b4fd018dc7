/**
 * The person with the kit and the runbook: runs commands at the site, where nothing but the cluster's network is reachable, with the
 * tools that section 1 of the runbook names. What is run is counted.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { programVersion } from '../../../src/contract/programs.ts';
import { run, type Outcome } from '../../peers/harness/commands.ts';
import { peer, type Peer } from '../../peers/harness/peers.ts';
import { registryHost } from './names.ts';
import type { Stage } from './stage.ts';

const kitName = `zastava-runtime-${programVersion}.tar.zst`;
const tools: readonly Peer[] = ['kubectl', 'oras', 'cosign3', 'ctr2'];

export class Operator {
  readonly #stage: Stage;
  /** Where the person works. */
  readonly folder: string;
  /** Every command so far. */
  readonly commands: string[] = [];
  helm: 'helm3' | 'helm4' = 'helm3';

  constructor(stage: Stage) {
    this.#stage = stage;
    this.folder = stage.folder.dir('operator');
    // The site's authority is known to its machines.
    this.write('site-ca.crt', stage.pki.ca);
  }

  /** Runs what a person types into a shell; gives standard output. Fails when it does, with all that it said. */
  async sh(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(command);
    if (code !== 0) throw new Error(`${command}\nended with ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  try(command: string): Promise<Outcome> {
    this.commands.push(command);
    const env = {
      HOME: this.folder, XDG_CONFIG_HOME: join(this.folder, '.config'), KUBECONFIG: this.#stage.folder.at('kubernetes/admin.kubeconfig'),
      KIT: join(this.folder, 'medium', kitName), REG: registryHost, RULES: this.#stage.folder.at('prometheus/rules.d'), GRAFANA: join(this.folder, 'grafana'),
      SSL_CERT_FILE: join(this.folder, 'site-ca.crt'), NODE_EXTRA_CA_CERTS: join(this.folder, 'site-ca.crt'),
      PATH: [...[this.helm, ...tools].map((tool) => dirname(peer(tool))), dirname(process.execPath), process.env['PATH']].join(delimiter),
    };
    return run(...this.#stage.room.inside('bash', '-euo', 'pipefail', '-c', `cd ${this.folder}\n${command}`), { env });
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.folder, name)), { recursive: true });
    writeFileSync(join(this.folder, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }
}
