/** What an HSM would do, done by OpenSSL: it alone has the key, and a kit comes out. And what OpenSSL says to the certificates that we make. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodePem } from '../../src/kit/certificates/certificate.ts';
import { assembleKit } from '../../src/kit/assemble-kit.ts';
import { buildWithRequests, requestsFolder } from '../../src/kit/keys/signing-requests.ts';
import { makeClientKey, makeServingKey } from '../../src/kit/keys/site-keys.ts';
import { openKit } from '../../src/kit/open-kit.ts';
import { signKit } from '../../src/kit/sign-kit.ts';
import { verifyKit } from '../../src/kit/verify/verify-kit.ts';
import { servingNames } from '../../src/runtime/webhook/serving-certificate.ts';
import { createSigningRequest } from '../../src/runtime/webhook/signing-request.ts';
import { during, makeChain } from '../kit/certificates/chains.ts';
import { testNotary, tinyPlan } from '../kit/tiny-kit.ts';
import { succeed } from './harness/commands.ts';
import { describeWith, peer } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

describeWith(['openssl'], 'OpenSSL', () => {
  const folder = scratch('openssl');
  const openssl = (...args: string[]): Promise<string> => succeed(peer('openssl'), args, { cwd: folder });

  test('accepts the request by which a webhook asks for its certificate', async () => {
    writeFileSync(join(folder, 'request.pem'), (await createSigningRequest()).request);
    const text = await openssl('req', '-in', 'request.pem', '-noout', '-verify', '-text');
    for (const name of servingNames) expect(text).toContain(`DNS:${name}`);
  });

  test('signs a kit round by round, and checks what came out', async () => {
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'hsm.pem');
    const publicKeyPem = await openssl('pkey', '-in', 'hsm.pem', '-pubout');
    writeFileSync(join(folder, 'hsm.pub'), publicKeyPem);
    const plan = await tinyPlan(folder);
    const kitPath = join(plan.to, 'tiny-0.1.0.tar.zst');
    const round = () => buildWithRequests({ folder: requestsFolder(kitPath), publicKeyPem, signedAt: '2026-02-03T04:05:06Z' }, async (signer, signedAt) => {
      const notary = { ...(await testNotary()), signer, signedAt };
      const kit = await assembleKit({ ...plan, notary });
      signer.demand(Buffer.from(kit.sha256, 'hex'));
      return signKit({ ...kit, name: 'tiny' }, notary);
    });
    let result = await round();
    for (let turn = 0; 'pending' in result && turn < 5; turn++) {
      for (const file of result.pending) await openssl('pkeyutl', '-sign', '-inkey', 'hsm.pem', '-in', file, '-out', file.replace('.digest', '.sig'));
      result = await round();
    }
    const kit = await openKit(kitPath);
    expect(await verifyKit(kit.stream(), { keyPem: publicKeyPem, signatures: kit.signatures })).toMatchObject({ ok: true });
    writeFileSync(join(folder, 'kit.sig'), Buffer.from(readFileSync(`${kitPath}.sig`, 'utf8'), 'base64'));
    expect(await openssl('dgst', '-sha256', '-verify', 'hsm.pub', '-signature', 'kit.sig', kitPath)).toMatch(/Verified OK/);
  });

  test('accepts our signing certificates, strictly', async () => {
    const { leaf, root } = await makeChain();
    writeFileSync(join(folder, 'root.pem'), encodePem(root));
    writeFileSync(join(folder, 'leaf.pem'), encodePem(leaf));
    expect(await openssl('verify', '-attime', `${during.getTime() / 1000}`, '-x509_strict', '-CAfile', 'root.pem', 'leaf.pem')).toMatch(/OK/);
    expect(await openssl('x509', '-in', 'leaf.pem', '-noout', '-text')).toMatch(/Code Signing[\s\S]*URI:https:\/\/kit\.example\/release/);
  });

  test("accepts the webhook's certificate for a TLS server of that name, strictly", async () => {
    const { open } = await makeServingKey(new Date(), 30);
    for (const name of ['tls.crt', 'ca.crt']) writeFileSync(join(folder, name), open.get(name)!);
    expect(await openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'zastava-webhook.stellaops.svc', '-CAfile', 'ca.crt', 'tls.crt')).toMatch(/OK/);
  });

  test('accepts the request for a client certificate', async () => {
    const { open } = await makeClientKey('zastava-runtime');
    writeFileSync(join(folder, 'client.csr'), open.get('client.csr')!);
    expect(await openssl('req', '-in', 'client.csr', '-noout', '-verify', '-subject')).toMatch(/CN = zastava-runtime/);
  });
});
