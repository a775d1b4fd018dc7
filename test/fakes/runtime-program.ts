/** A runtime program as its own process, started from the sources as Node runs them, with its configuration in a throw-away folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { programEnv } from '../../src/contract/programs.ts';

export const tlsDir = join(import.meta.dirname, 'webhook-tls-test-only');
export const testCertificate = readFileSync(join(tlsDir, 'tls.crt'), 'utf8');

export const sampleConfig = {
  zastava: {
    runtime: {
      tenant: 'acme',
      environment: 'test',
      deployment: 'edge-1',
      authority: { issuer: 'https://authority.internal' },
      metrics: { commonTags: { cluster: 'edge-1', site: 'hamburg' } },
    },
    webhook: { tls: { mode: 'secret', caBundle: testCertificate } },
  },
};

type LogLine = Readonly<Record<string, unknown>>;

export class RuntimeProgram {
  readonly lines: LogLine[] = [];
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #output: Interface;
  /** Its scratch folder, and where its Secrets would be mounted. */
  readonly folder = mkdtempSync(join(tmpdir(), 'zastava-program-'));
  readonly #exit: Promise<number | string>;

  /** @param config Text of the configuration; null: there is no file. */
  constructor(component: 'observer' | 'webhook', options: { config?: string | null; env?: Record<string, string>; flags?: string[]; main?: string } = {}) {
    const { config = JSON.stringify(sampleConfig), env = {}, flags = [] } = options;
    const configPath = join(this.folder, 'values.json');
    if (config !== null) writeFileSync(configPath, config);
    const main = options.main ?? join(import.meta.dirname, `../../src/runtime/${component}/main.ts`);
    this.#child = spawn(process.execPath, [main, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        [programEnv.config]: configPath,
        [programEnv.telemetryPort]: '0',
        [programEnv.webhookPort]: '0',
        [programEnv.tlsDir]: tlsDir,
        [programEnv.drainSeconds]: '0',
        [programEnv.scratchDir]: this.folder,
        [programEnv.authorityDir]: this.folder,
        [programEnv.bufferDir]: join(this.folder, 'buffer'),
        ...env,
      },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#output = createInterface({ input: this.#child.stdout! });
    this.#output.on('line', (line) => {
      this.stdout += `${line}\n`;
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as LogLine);
      this.#child.emit('log-line');
    });
    this.#exit = once(this.#child, 'close').then(([code, signal]) => {
      rmSync(this.folder, { recursive: true });
      this.#child.emit('log-line');
      return (code ?? signal) as number | string;
    });
  }

  /** Waits for a line with this message (and scope). */
  async line(msg: string, scope?: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => line['msg'] === msg && (scope === undefined || line['scope'] === scope));
      if (found) return found;
      if (this.#child.exitCode !== null) throw new Error(`ended before it logged "${msg}": ${this.stdout}${this.stderr}`);
      await once(this.#child, 'log-line');
    }
  }

  /** Waits for a line that fits. */
  async eventually(fits: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(fits);
      if (found) return found;
      if (this.#child.exitCode !== null) throw new Error(`ended before: ${this.stdout}${this.stderr}`);
      await once(this.#child, 'log-line');
    }
  }

  async port(scope: 'telemetry' | 'admission'): Promise<number> {
    return (await this.line('listening', scope))['port'] as number;
  }

  /** Whether anybody reads what it logs. */
  readOutput(reads: boolean): void {
    if (reads) this.#output.resume();
    else this.#output.pause();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** The exit code, or the signal that killed it. */
  exit(): Promise<number | string> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
