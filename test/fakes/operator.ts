/** An operator: her own client at a real Authority, the double of Scanner, and what her commands print. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { buildProgram } from '../../src/cli/stellaops/program.ts';
import { AuthorityServer } from './authority-server.ts';
import { runHere, type Outcome } from './command-run.ts';
import { ScannerServer } from './scanner-server.ts';
import { makeDpopJwk, TestPki } from './test-pki.ts';

export class Operator {
  readonly folder = mkdtempSync(join(tmpdir(), 'zastava-operator-'));
  readonly pki: TestPki;
  readonly authority: AuthorityServer;
  readonly scanner: ScannerServer;
  /** By which her commands find all that. */
  readonly env: Readonly<Record<string, string>>;
  readonly #trusted = getCACertificates('default');

  private constructor(pki: TestPki, authority: AuthorityServer, scanner: ScannerServer, client: { cert: string; key: string }) {
    [this.pki, this.authority, this.scanner] = [pki, authority, scanner];
    // As NODE_EXTRA_CA_CERTS does at the start of a process.
    setDefaultCACertificates([...this.#trusted, pki.ca]);
    this.env = {
      HOME: this.folder, STELLAOPS_AUTHORITY_ISSUER: authority.issuer, STELLAOPS_AUTHORITY_CLIENT_ID: 'operator', STELLAOPS_SCANNER_URL: scanner.baseAddress,
      STELLAOPS_AUTHORITY_DPOP_KEY: this.write('jwk.json', makeDpopJwk().text),
      STELLAOPS_AUTHORITY_CLIENT_CERT: this.write('client.crt', client.cert), STELLAOPS_AUTHORITY_CLIENT_KEY: this.write('client.key', client.key),
    };
  }

  static async start(): Promise<Operator> {
    const pki = await TestPki.make();
    const authority = await AuthorityServer.start(pki, { clientId: 'operator' });
    const scanner = await ScannerServer.start(pki, { jwks: authority.jwks, nonce: 'scanner-nonce' });
    return new Operator(pki, authority, scanner, await pki.client('operator'));
  }

  /** @returns the path */
  write(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text);
    return join(this.folder, name);
  }

  policyTest(...args: string[]): Promise<Outcome> {
    return runOperator(['runtime', 'policy', 'test', ...args], this.env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    setDefaultCACertificates(this.#trusted);
    await this.scanner[Symbol.asyncDispose]();
    await this.authority[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }
}

/** Runs `stellaops-cli` in this process, with this environment beside what a process needs. */
export function runOperator(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  return runHere(buildProgram(), args, env);
}
