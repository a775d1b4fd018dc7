import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodePem } from '../../../src/kit/certificates/certificate.ts';
import { developmentIdentity, provideDevelopmentCertificate } from '../../../src/kit/certificates/development-certificate.ts';
import { parseSigningCertificate } from '../../../src/kit/certificates/signing-certificate.ts';
import { provideDevelopmentKey, type Signer } from '../../../src/kit/keys.ts';
import { during, identity, makeChain, newKey } from './chains.ts';

let folder: string;
let path: string;
let signer: Signer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zastava-certificate-'));
  path = join(folder, 'development.cert.pem');
  signer = await provideDevelopmentKey(join(folder, 'development.key.pem'));
});
afterAll(() => rm(folder, { recursive: true }));

test('is made once, for the development key, and there is no key of its authority', async () => {
  const made = await provideDevelopmentCertificate(path, signer, { now: during });
  expect(made.identity).toBe(developmentIdentity);
  const leaf = new X509Certificate(made.leaf);
  expect(leaf.publicKey.equals(createPublicKey(signer.publicKeyPem))).toBe(true);
  expect(leaf.subjectAltName).toBe(`URI:${developmentIdentity}`);
  expect(leaf.verify(new X509Certificate(made.chain[0]!).publicKey)).toBe(true);
  expect(await provideDevelopmentCertificate(path, signer, { now: during })).toEqual(made);
  expect(await readFile(path, 'utf8')).not.toMatch(/PRIVATE/);
});

test('is made anew for another key, another identity, a later time, and over what is none', async () => {
  const first = await provideDevelopmentCertificate(path, signer, { now: during });
  const other = await provideDevelopmentKey(join(folder, 'other.key.pem'));
  const seen = [first.leaf];
  for (const [who, options] of [[other, {}], [signer, {}], [signer, { identity: 'https://kit.example/trial' }], [signer, { now: new Date('2040-01-01T00:00:00Z') }]] as const) {
    const made = await provideDevelopmentCertificate(path, who, { now: during, ...options });
    expect(seen).not.toContainEqual(made.leaf);
    seen.push(made.leaf);
  }
  await writeFile(path, 'no certificate');
  expect((await provideDevelopmentCertificate(path, signer, { now: during })).identity).toBe(developmentIdentity);
});

test('of a release is read from two files or from one, and refused when it is not for this key', async () => {
  const chain = await makeChain({ publicKey: createPublicKey(signer.publicKeyPem) });
  const [leaf, root] = [encodePem(chain.leaf), encodePem(chain.root)];
  const expected = { leaf: chain.leaf, chain: [chain.root], identity };
  expect(await parseSigningCertificate(leaf, root, signer, during)).toEqual(expected);
  expect(await parseSigningCertificate(leaf + root, '', signer, during)).toEqual(expected);
  const stranger = await makeChain({ publicKey: newKey().publicKey });
  await expect(parseSigningCertificate(encodePem(stranger.leaf), encodePem(stranger.root), signer, during)).rejects.toMatchObject({ code: 'kit.certificate-invalid', problems: [{ found: 'another key' }] });
  await expect(parseSigningCertificate(leaf, '', signer, during)).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
  await expect(parseSigningCertificate(leaf, root, signer, new Date('2030-01-01T00:00:00Z'))).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
  await expect(parseSigningCertificate('', root, signer, during)).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
});
