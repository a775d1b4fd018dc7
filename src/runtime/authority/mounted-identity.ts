/**
 * By what a program proves who it is: the DPoP key and the client certificate, from their mounted Secrets. They are read again
 * when the kubelet has changed them, without a restart; what cannot be used leaves the last good one in force.
 */
import { createPrivateKey, createHash, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ZastavaError } from '../../contract/errors.ts';
import { parseDpopKey, type DpopKey } from './dpop-key.ts';

/** What connections to Authority and Scanner show and trust. Certificate, key, fingerprint and end are there when mutual TLS is required. */
export interface ClientTls {
  /** PEM, with the chain. */
  readonly cert?: string;
  /** PEM. */
  readonly key?: string;
  /** PEM of the authorities of Authority's and Scanner's servers, when it is mounted; they are trusted besides the system's. */
  readonly ca?: string;
  /** SHA-256 of the certificate in DER, base64url: `cnf["x5t#S256"]` of a token that is bound to it. */
  readonly fingerprint?: string;
  readonly notAfter?: Date;
}

export interface Identity {
  readonly dpop?: DpopKey;
  readonly tls: ClientTls;
}

/** The folder below which the Secrets are mounted, or the paths of single files by their names there. */
export type Mounts = string | Readonly<Record<string, string>>;

/** Empty, which is no file, for one that has no path. */
export function mountedPath(mounts: Mounts, name: string): string {
  return typeof mounts === 'string' ? join(mounts, name) : (mounts[name] ?? '');
}

interface Wanted {
  readonly dpop: boolean;
  readonly certificate: boolean;
}

/** Files below the folder where the Secrets are mounted. */
const files = {
  dpop: ['dpop/jwk.json', 'dpop/revision'],
  certificate: ['mtls/tls.crt', 'mtls/tls.key'],
  ca: ['mtls/ca.crt'],
} as const;

export class MountedIdentity {
  readonly #mounts: Mounts;
  readonly #wanted: Wanted;
  #state = '';
  #identity: Identity | undefined;
  #problem: unknown = new ZastavaError('authority.key-invalid', 'the Secrets for Authority were not read yet');

  constructor(mounts: Mounts, wanted: Wanted) {
    this.#mounts = mounts;
    this.#wanted = wanted;
  }

  /** @throws `authority.key-invalid` as long as there was nothing that can be used */
  get current(): Identity {
    if (this.#identity === undefined) throw this.#problem;
    return this.#identity;
  }

  /** Reads again what was changed; true when there is something new. @throws `authority.key-invalid`; then the last one stays. */
  async refresh(): Promise<boolean> {
    const state = await this.#stateOfFiles();
    if (state === this.#state) return false;
    try {
      this.#identity = await this.#read();
    } catch (error) {
      this.#problem = error;
      throw error;
    }
    // A swap between the two readings shows in the next state.
    this.#state = state;
    return true;
  }

  async #read(): Promise<Identity> {
    const { dpop, certificate } = this.#wanted;
    const tls = { ...(certificate && (await this.#readCertificate())), ...(await this.#readCa()) };
    return { ...(dpop && { dpop: await this.#readDpop() }), tls };
  }

  async #readDpop(): Promise<DpopKey> {
    const [path, revision] = files.dpop;
    const text = await this.#readText(path, 'the Secret zastava-authority-dpop with jwk.json (zastava keys make dpop)');
    return parseDpopKey(text, (await this.#readIfThere(revision))?.trim() ?? '', this.#pathOf(path));
  }

  async #readCertificate(): Promise<Required<Omit<ClientTls, 'ca'>>> {
    const [certificatePath, keyPath] = files.certificate;
    const what = 'the Secret zastava-authority-mtls with tls.crt and tls.key (zastava keys make mtls)';
    const [cert, key] = [await this.#readText(certificatePath, what), await this.#readText(keyPath, what)];
    try {
      const leaf = new X509Certificate(cert);
      if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('not a pair');
      return { cert, key, fingerprint: createHash('sha256').update(leaf.raw).digest('base64url'), notAfter: leaf.validToDate };
    } catch {
      // The parser's message may quote what it read.
      throw new ZastavaError('authority.key-invalid', `${this.#pathOf(certificatePath)}: expected a certificate, and its private key in ${this.#pathOf(keyPath)}; found something else, or two that do not belong together`);
    }
  }

  async #readCa(): Promise<Pick<ClientTls, 'ca'>> {
    const [path] = files.ca;
    const ca = await this.#readIfThere(path);
    if (ca === undefined) return {};
    try {
      new X509Certificate(ca).toString();
      return { ca };
    } catch {
      throw new ZastavaError('authority.key-invalid', `${this.#pathOf(path)}: expected certificates in PEM, found something else`);
    }
  }

  async #readText(name: string, what: string): Promise<string> {
    const text = await this.#readIfThere(name);
    if (text === undefined) throw new ZastavaError('authority.key-invalid', `${this.#pathOf(name)}: expected ${what}, found nothing`);
    return text;
  }

  async #readIfThere(name: string): Promise<string | undefined> {
    return readFile(this.#pathOf(name), 'utf8').catch(() => undefined);
  }

  #pathOf(name: string): string {
    return mountedPath(this.#mounts, name);
  }

  async #stateOfFiles(): Promise<string> {
    const wanted = [...(this.#wanted.dpop ? files.dpop : []), ...(this.#wanted.certificate ? files.certificate : []), ...files.ca];
    const states = await Promise.all(wanted.map((name) => stat(this.#pathOf(name), { bigint: true }).then(({ ino, size, mtimeNs }) => `${ino}.${size}.${mtimeNs}`, () => 'none')));
    return states.join();
  }
}
