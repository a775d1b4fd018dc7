/** What a runtime program talks to, on loopback: a real Authority and the double of Scanner, and the Secrets by which it does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programEnv } from '../../src/contract/programs.ts';
import { AuthorityServer } from './authority-server.ts';
import { sampleConfig } from './runtime-program.ts';
import { ScannerServer } from './scanner-server.ts';
import { makeDpopJwk, TestPki, writeMounts } from './test-pki.ts';

export class Backends {
  readonly pki: TestPki;
  readonly authority: AuthorityServer;
  readonly scanner: ScannerServer;
  /** Where the Secrets for Authority are. */
  readonly mounts: string;
  /** Private JWK, as mounted. */
  readonly jwk: string;

  private constructor(pki: TestPki, authority: AuthorityServer, scanner: ScannerServer, mounts: string, jwk: string) {
    [this.pki, this.authority, this.scanner, this.mounts, this.jwk] = [pki, authority, scanner, mounts, jwk];
  }

  static async start(): Promise<Backends> {
    const pki = await TestPki.make();
    const authority = await AuthorityServer.start(pki);
    const scanner = await ScannerServer.start(pki, { jwks: authority.jwks, nonce: 'scanner-nonce' });
    const [client, jwk] = [await pki.client(), makeDpopJwk().text];
    const mounts = writeMounts(mkdtempSync(join(tmpdir(), 'zastava-mounts-')), { 'dpop/jwk.json': jwk, 'dpop/revision': '1', 'mtls/tls.crt': client.cert, 'mtls/tls.key': client.key, 'mtls/ca.crt': pki.ca });
    return new Backends(pki, authority, scanner, mounts, jwk);
  }

  /** Configuration and environment of a program that uses them. */
  program(webhook: object = {}, runtime: object = {}, observer: object = {}): { config: string; env: Record<string, string> } {
    const { zastava } = sampleConfig;
    const { issuer } = this.authority;
    const own = { ...zastava.runtime, authority: { issuer }, backend: { baseAddress: this.scanner.baseAddress }, ...runtime };
    return { config: JSON.stringify({ zastava: { runtime: own, observer, webhook: { ...zastava.webhook, ...webhook } } }), env: { [programEnv.authorityDir]: this.mounts } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scanner[Symbol.asyncDispose]();
    await this.authority[Symbol.asyncDispose]();
    rmSync(this.mounts, { recursive: true });
  }
}
