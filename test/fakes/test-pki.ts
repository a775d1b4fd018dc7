/** A certificate authority of a test's own, with what it issues: servers on loopback, clients by common name. */
import { createPublicKey, generateKeyPairSync, webcrypto, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificationRequest, CryptoEngine, Extensions, GeneralNames, setEngine } from 'pkijs';
import { encodePem } from '../../src/kit/certificates/certificate.ts';
import { issueCertificate } from '../../src/kit/certificates/issue-certificate.ts';

const hour = 3600_000;
const purposes = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** PEM both. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

export class TestPki {
  readonly #key: KeyObject;
  /** PEM. */
  readonly ca: string;

  private constructor(key: KeyObject, ca: string) {
    [this.#key, this.ca] = [key, ca];
  }

  /** `hours` from now until it ends. */
  static async make(hours = 48): Promise<TestPki> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const validity = { notBefore: new Date(Date.now() - 48 * hour), notAfter: new Date(Date.now() + hours * hour) };
    const ca = await issueCertificate({ subject: 'test authority', publicKey, ...validity, isCa: true }, { subject: 'test authority', privateKey });
    return new TestPki(privateKey, encodePem(ca));
  }

  /** For localhost and 127.0.0.1, or the names given. */
  server(names: readonly string[] = ['localhost'], hours = 24): Promise<TestCertificate> {
    return this.#issue(names[0] ?? 'localhost', hours, { purposes: [purposes.server], names: names.map((value) => ({ type: 'dns' as const, value })) });
  }

  /** `hours` from now until it ends; a negative number has ended. */
  client(subject = 'zastava-runtime', hours = 24): Promise<TestCertificate> {
    return this.#issue(subject, hours, { purposes: [purposes.client] });
  }

  /** Signs what a PKCS#10 request (PEM) asks for, as a site's signer would. @throws if it is none, or not signed by its own key */
  async signRequest(pem: string, hours = 24): Promise<string> {
    const { publicKey, names } = await readRequest(pem);
    return this.#certify(publicKey, names[0] ?? '', hours, { purposes: [purposes.server], names: names.map((value) => ({ type: 'dns' as const, value })) });
  }

  /** Signs the request of a client, under the name that the site knows it by. */
  async signClientRequest(pem: string, subject = 'zastava-runtime', hours = 24): Promise<string> {
    return this.#certify((await readRequest(pem)).publicKey, subject, hours, { purposes: [purposes.client] });
  }

  async #issue(subject: string, hours: number, rest: object): Promise<TestCertificate> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { cert: await this.#certify(createPublicKey(privateKey), subject, hours, rest), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  async #certify(publicKey: KeyObject, subject: string, hours: number, rest: object): Promise<string> {
    const validity = { notBefore: new Date(Date.now() - 47 * hour), notAfter: new Date(Date.now() + hours * hour) };
    return encodePem(await issueCertificate({ subject, publicKey, ...validity, ...rest }, { subject: 'test authority', privateKey: this.#key }));
  }
}

async function readRequest(pem: string): Promise<{ readonly publicKey: KeyObject; readonly names: readonly string[] }> {
  setEngine('node', new CryptoEngine({ name: 'node', crypto: webcrypto as never }));
  if (!pem.startsWith('-----BEGIN CERTIFICATE REQUEST-----\n')) throw new Error('not PKCS#10 in PEM');
  const request = CertificationRequest.fromBER(Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')));
  if (!(await request.verify())) throw new Error('the request is not signed by its own key');
  const wanted = request.attributes?.find(({ type }) => type === '1.2.840.113549.1.9.14')?.values[0];
  const { extensions } = wanted === undefined ? { extensions: [] } : new Extensions({ schema: wanted as never });
  const alternative = extensions.find(({ extnID }) => extnID === '2.5.29.17');
  const names = alternative === undefined ? [] : GeneralNames.fromBER(alternative.extnValue.valueBlock.valueHexView.slice()).names;
  const spki = Buffer.from(request.subjectPublicKeyInfo.toSchema().toBER());
  return { publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }), names: names.map(({ value }) => String(value)) };
}

/** Private JWK on P-256, as in the DPoP Secret. */
export function makeDpopJwk(): { readonly text: string; readonly open: object } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { text: JSON.stringify(privateKey.export({ format: 'jwk' })), open: { ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' } };
}

/** The Secrets of a Pod below `folder`, as their mounts show them. */
export function writeMounts(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
