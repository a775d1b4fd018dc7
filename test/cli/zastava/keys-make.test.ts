import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { calculateJwkThumbprint } from 'jose';
import { CertificationRequest } from 'pkijs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { define } from '../../../src/cli/zastava/keys-make.ts';
import { encodePem } from '../../../src/kit/certificates/certificate.ts';
import { parseSigner } from '../../../src/kit/keys.ts';
import { makeChain } from '../../kit/certificates/chains.ts';

const home = mkdtempSync(join(tmpdir(), 'zastava-keys-'));
afterAll(() => rmSync(home, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function make(kind: string, to: string, ...args: string[]): Promise<void> {
  const program = new Command().exitOverride();
  define(program.command('make'));
  await program.parseAsync(['make', kind, '--to', join(home, to), '--quiet', ...args], { from: 'user' });
}

const read = (...path: string[]): string => readFileSync(join(home, ...path), 'utf8');

interface Secret {
  readonly kind: string;
  readonly type: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly annotations?: Record<string, string> };
  readonly stringData: Record<string, string>;
}

describe('keys make', () => {
  test.each([['kit', 'zastava-runtime'], ['log', 'release-log']])('%s: a key that signs, and its public half', async (kind, name) => {
    await make(kind, kind);
    const signer = await parseSigner(read(kind, `${name}.key.pem`), 'key');
    expect(signer.kind).toBe('release');
    expect(read(kind, `${name}.pub`)).toBe(signer.publicKeyPem);
  });

  test('kit: encrypted when there is a passphrase', async () => {
    vi.stubEnv('ZASTAVA_KEY_PASSPHRASE', 'correct horse');
    await make('kit', 'encrypted');
    const pem = read('encrypted', 'zastava-runtime.key.pem');
    expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    expect((await parseSigner(pem, 'key', () => 'correct horse')).publicKeyPem).toBe(read('encrypted', 'zastava-runtime.pub'));
  });

  test('dpop: a JWK that is named by its thumbprint, and its Secret', async () => {
    await make('dpop', 'dpop', '--revision', '7');
    const jwk = JSON.parse(read('dpop', 'jwk.json')) as Record<string, string>;
    expect(jwk).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', kid: await calculateJwkThumbprint(jwk as never) });
    expect(createPrivateKey({ format: 'jwk', key: jwk }).asymmetricKeyType).toBe('ec');
    const open = JSON.parse(read('dpop', 'jwk.public.json')) as Record<string, string>;
    expect(open).not.toHaveProperty('d');
    expect(open['x']).toBe(jwk['x']);
    expect(parse(read('dpop', 'zastava-authority-dpop.secret.yaml'))).toEqual({
      apiVersion: 'v1', kind: 'Secret', type: 'Opaque',
      metadata: { name: 'zastava-authority-dpop', namespace: 'stellaops', annotations: { revision: '7' } },
      stringData: { 'jwk.json': read('dpop', 'jwk.json'), revision: '7' },
    });
  });

  test('mtls: a request for a certificate, then the Secret of what was issued', async () => {
    await make('mtls', 'mtls', '--client-id', 'observer-7');
    const request = CertificationRequest.fromBER(Uint8Array.from(Buffer.from(read('mtls', 'client.csr').replace(/-----.*-----/g, ''), 'base64')));
    expect(await request.verify()).toBe(true);
    expect(request.subject.typesAndValues.map(({ value }) => String(value.valueBlock.value))).toEqual(['observer-7']);
    const publicKey = createPublicKey(read('mtls', 'client.key'));
    writeFileSync(join(home, 'issued.pem'), encodePem((await makeChain({ publicKey })).leaf));
    writeFileSync(join(home, 'other.pem'), encodePem((await makeChain()).leaf));
    await expect(make('mtls', 'mtls', '--certificate', join(home, 'other.pem'))).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
    await make('mtls', 'mtls', '--certificate', join(home, 'issued.pem'));
    const secret = parse(read('mtls', 'zastava-authority-mtls.secret.yaml')) as Secret;
    expect(secret).toMatchObject({ kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'zastava-authority-mtls', namespace: 'stellaops' } });
    expect(new X509Certificate(secret.stringData['tls.crt']!).checkPrivateKey(createPrivateKey(secret.stringData['tls.key']!))).toBe(true);
  });

  test("webhook-tls: a certificate that the API server accepts under the Service's name", async () => {
    await make('webhook-tls', 'tls', '--days', '30');
    const secret = parse(read('tls', 'zastava-webhook-tls.secret.yaml')) as Secret;
    expect(secret).toMatchObject({ type: 'kubernetes.io/tls', metadata: { name: 'zastava-webhook-tls' } });
    const certificate = new X509Certificate(secret.stringData['tls.crt']!);
    expect(certificate.checkPrivateKey(createPrivateKey(secret.stringData['tls.key']!))).toBe(true);
    expect(certificate.checkHost('zastava-webhook.stellaops.svc')).toBe('zastava-webhook.stellaops.svc');
    const ca = new X509Certificate(read('tls', 'ca.crt'));
    expect(certificate.checkIssued(ca) && certificate.verify(ca.publicKey) && ca.ca).toBe(true);
    expect(readdirSync(join(home, 'tls')).sort()).toEqual(['ca.crt', 'tls.crt', 'tls.key', 'zastava-webhook-tls.secret.yaml']);
  });

  test('leaves what is secret to its owner', async () => {
    for (const kind of ['kit', 'log', 'dpop', 'mtls', 'webhook-tls']) {
      await make(kind, `modes-${kind}`);
      for (const name of readdirSync(join(home, `modes-${kind}`))) {
        const path = join(home, `modes-${kind}`, name);
        const isSecret = /PRIVATE KEY|"d":/.test(readFileSync(path, 'utf8'));
        expect(statSync(path).mode & 0o077, name).toBe(isSecret ? 0 : 0o044);
      }
    }
  });

  test('never writes over a file, not even over one of several', async () => {
    await make('kit', 'twice');
    const before = read('twice', 'zastava-runtime.key.pem');
    await expect(make('kit', 'twice')).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(/is there already/) });
    expect(read('twice', 'zastava-runtime.key.pem')).toBe(before);
    rmSync(join(home, 'twice', 'zastava-runtime.key.pem'));
    await expect(make('kit', 'twice')).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(join(home, 'twice', 'zastava-runtime.key.pem'))).toBe(false);
  });

  test.each(['offline-kit', 'offline-kit/trust', 'dist/keys', 'docs/ops'])('writes nothing into %s', async (folder) => {
    const program = new Command().exitOverride();
    define(program.command('make'));
    await expect(program.parseAsync(['make', 'kit', '--to', folder], { from: 'user' })).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(join(folder, 'zastava-runtime.key.pem'))).toBe(false);
  });

  test('refuses days that are none', async () => {
    await expect(make('webhook-tls', 'days', '--days', '0')).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(join(home, 'days'))).toBe(false);
  });

  test('makes another key each time', async () => {
    await make('kit', 'one');
    await make('kit', 'two');
    expect(createPublicKey(read('one', 'zastava-runtime.pub')).equals(createPublicKey(read('two', 'zastava-runtime.pub')))).toBe(false);
  });
});
