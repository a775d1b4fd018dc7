/** Whom a kit is trusted for: certificates, several keys, revoked keys. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { bundleToJSON, toMessageSignatureBundle } from '@sigstore/bundle';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Bytes } from '../../../src/bytes/digest.ts';
import { encodePem } from '../../../src/kit/certificates/certificate.ts';
import { parseSigner, type Signer } from '../../../src/kit/keys.ts';
import type { SignatureFiles } from '../../../src/kit/verify/file-signature.ts';
import { during, identity, makeChain, notAfter, trustedRootOf, type Chain } from '../certificates/chains.ts';
import { seal, signFile, tinyFiles, verify, type SealedKit } from '../sealed-kit.ts';
import { makeTinyKit, testSigner } from '../tiny-kit.ts';

let signer: Signer;
let second: Signer;
let kit: SealedKit;
let chain: Chain;

beforeAll(async () => {
  signer = await testSigner();
  second = await parseSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'second key');
  kit = await seal(await tinyFiles());
  chain = await makeChain({ publicKey: createPublicKey(signer.publicKeyPem) });
});

function certificateBundle(leaf: Buffer, by: Signer = signer): string {
  const digest = Buffer.from(sha256Bytes(kit.bytes));
  return JSON.stringify(bundleToJSON(toMessageSignatureBundle({ digest, signature: Buffer.from(by.signDigest(digest)), certificate: leaf })));
}

function withBeside(signatures: Partial<SignatureFiles>): SealedKit {
  return { ...kit, signatures: { ...kit.signatures, ...signatures } };
}

function cosigned(): SealedKit {
  const { signature, bundle } = signFile(kit.bytes, second);
  return withBeside({ others: [{ name: 'second.sig', text: signature! }, { name: 'second.sigstore.json', text: bundle! }] });
}

function trust(changes: object = {}) {
  return { certificate: { identity, trustedRootJson: trustedRootOf([chain.root]), now: during, ...changes } };
}

function both() {
  return { otherKeyPems: [second.publicKeyPem] };
}

function entry(keyId: string) {
  return { keyId, reason: 'stolen', since: '2026-05-01T00:00:00Z' };
}

function listOf(revoked: unknown, by: Signer = second) {
  const list = JSON.stringify({ issuedAt: '2026-06-01T00:00:00Z', revoked });
  return { list, signatures: signFile(Buffer.from(list), by) };
}

describe('a certificate', () => {
  test('of the identity asked for is enough, and no key is needed', async () => {
    const report = await verify(withBeside({ certificateBundle: certificateBundle(chain.leaf) }), { keyPem: null, ...trust() });
    expect(report).toMatchObject({ ok: true, trust: 'certificate', signer: { keyId: signer.keyId } });
    expect(report.checks.find(({ name }) => name === 'kit signature')?.count).toBe(3);
  });

  test('may be given apart from the bundle', async () => {
    expect(await verify(kit, { keyPem: null, ...trust({ certificatePem: encodePem(chain.leaf) }) })).toMatchObject({ ok: true });
  });

  test('that is not there is missed, and nothing is believed', async () => {
    expect(await verify(kit, { keyPem: null, ...trust() })).toMatchObject({ ok: false, code: 'kit.certificate-missing', kit: null });
  });

  test.each([
    ['of another identity', { identity: 'https://kit.example' }, 'kit.identity-differs'],
    ['that has expired', { now: new Date(notAfter.getTime() + 1000) }, 'kit.certificate-expired'],
    ['under a trusted root of nobody', { trustedRootJson: '{}' }, 'kit.certificate-invalid'],
  ])('%s is refused before anything is believed', async (_, changes, code) => {
    expect(await verify(withBeside({ certificateBundle: certificateBundle(chain.leaf) }), { keyPem: null, ...trust(changes) })).toMatchObject({ ok: false, code, kit: null, entries: 0 });
  });

  test('that expired is rescued by the time that the site witnessed, and by no other', async () => {
    const late = new Date(notAfter.getTime() + 1000);
    const beside = withBeside({ certificateBundle: certificateBundle(chain.leaf) });
    expect(await verify(beside, { keyPem: null, ...trust({ now: late, witnessedTime: during }) })).toMatchObject({ ok: true });
    expect(await verify(beside, { keyPem: null, ...trust({ now: late, witnessedTime: null }) })).toMatchObject({ code: 'kit.certificate-expired' });
    expect(await verify(beside, { keyPem: null, ...trust({ witnessedTime: late }) })).toMatchObject({ code: 'kit.certificate-expired' });
  });

  test('tells all that is wrong with it', async () => {
    const report = await verify(withBeside({ certificateBundle: certificateBundle(chain.leaf) }), { keyPem: null, ...trust({ identity: 'x', now: new Date(notAfter.getTime() + 1000) }) });
    expect(report.checks.find(({ name }) => name === 'certificate')?.problems.map(({ code }) => code)).toEqual(['kit.certificate-expired', 'kit.certificate-expired', 'kit.identity-differs']);
  });

  test('of another key than the one given is refused', async () => {
    const other = await makeChain({ publicKey: createPublicKey(second.publicKeyPem) });
    const report = await verify(withBeside({ certificateBundle: certificateBundle(other.leaf, second) }), trust({ trustedRootJson: trustedRootOf([other.root]) }));
    expect(report).toMatchObject({ ok: false, code: 'kit.certificate-invalid' });
  });

  test('does not vouch for a kit of another key', async () => {
    const other = await makeChain({ publicKey: createPublicKey(second.publicKeyPem) });
    const report = await verify(withBeside({ certificateBundle: certificateBundle(other.leaf, second) }), { keyPem: null, ...trust({ trustedRootJson: trustedRootOf([other.root]) }) });
    expect(report).toMatchObject({ ok: false, code: 'kit.manifest-signature-invalid' });
  });

  test('of a curve that kits are not signed with is refused', async () => {
    const other = await makeChain({ publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey });
    expect(await verify(kit, { keyPem: null, ...trust({ trustedRootJson: trustedRootOf([other.root]), certificatePem: encodePem(other.leaf) }) })).toMatchObject({ code: 'kit.certificate-invalid' });
  });

  test('in a bundle must be of the key, though nobody asked for the certificate', async () => {
    const other = await makeChain();
    expect(await verify(withBeside({ certificateBundle: certificateBundle(other.leaf) }))).toMatchObject({ ok: false, code: 'kit.signature-invalid' });
    expect(await verify(withBeside({ certificateBundle: certificateBundle(chain.leaf, second) }))).toMatchObject({ ok: false, code: 'kit.signature-invalid' });
  });
});

describe('several keys', () => {
  test('that all signed are counted', async () => {
    const report = await verify(cosigned(), { otherKeyPems: [second.publicKeyPem], require: 2 });
    expect(report).toMatchObject({ ok: true });
    expect(report.checks.at(-1)).toMatchObject({ name: 'kit signature', count: 4 });
  });

  test('are too few when one key signed twice', async () => {
    expect(await verify(kit, { otherKeyPems: [second.publicKeyPem], require: 2 })).toMatchObject({ ok: false, code: 'kit.signatures-too-few' });
    expect(await verify(kit, { otherKeyPems: [signer.publicKeyPem], require: 2 })).toMatchObject({ ok: false, code: 'kit.signatures-too-few' });
  });

  test('are too few when more are asked for than there are', async () => {
    expect(await verify(cosigned(), { otherKeyPems: [second.publicKeyPem], require: 3 })).toMatchObject({ ok: false, code: 'kit.signatures-too-few' });
  });

  test('do not count when nobody trusts them', async () => {
    expect(await verify(cosigned(), { require: 2 })).toMatchObject({ ok: false, code: 'kit.signature-invalid' });
  });

  test('overlap while keys change: a kit of either is accepted', async () => {
    const next = await makeTinyKit((plan) => ({ ...plan, notary: { ...plan.notary, signer: second } }));
    const bytes = await readFile(next.path);
    await rm(next.folder, { recursive: true });
    for (const each of [kit, { bytes, signatures: signFile(bytes, second) }]) {
      expect(await verify(each, { keyPem: signer.publicKeyPem, otherKeyPems: [second.publicKeyPem] })).toMatchObject({ ok: true });
    }
  });

  test('cannot stand in for the one that signed the manifest', async () => {
    const swapped = { ...kit, signatures: signFile(kit.bytes, second) };
    expect(await verify(swapped, { keyPem: second.publicKeyPem })).toMatchObject({ code: 'kit.manifest-signature-invalid' });
  });
});

describe('a revocation list', () => {
  test('refuses kits of the keys that it names', async () => {
    const report = await verify(kit, { ...both(), revocations: listOf([entry(signer.keyId)]) });
    expect(report).toMatchObject({ ok: false, code: 'kit.key-revoked', kit: null });
    expect(report.checks.at(-1)?.problems[0]?.found).toMatch(/stolen/);
  });

  test('lets kits of all other keys pass', async () => {
    const report = await verify(kit, { ...both(), revocations: listOf([entry(second.keyId)]) });
    expect(report).toMatchObject({ ok: true });
    expect(report.checks.find(({ name }) => name === 'revocations')?.count).toBe(1);
  });

  test('takes a revoked co-signer out, and its signature is a problem', async () => {
    const beside = withBeside({ others: [{ name: 'second.sig', text: signFile(kit.bytes, second).signature! }] });
    expect(await verify(beside, { ...both(), require: 2, revocations: listOf([entry(second.keyId)]) })).toMatchObject({ ok: false, code: 'kit.key-revoked' });
  });

  test('may be signed by the key that it revokes', async () => {
    expect(await verify(kit, { revocations: listOf([entry(signer.keyId)], signer) })).toMatchObject({ code: 'kit.key-revoked' });
  });

  test('of a stranger, of nobody or changed since is refused, and the kit with it', async () => {
    const list = listOf([]);
    for (const revocations of [listOf([]), { ...list, signatures: { bundle: null, signature: null } }, { ...listOf([], signer), list: `${list.list} ` }]) {
      expect(await verify(kit, { revocations })).toMatchObject({ ok: false, code: 'kit.revocations-invalid', kit: null });
    }
  });

  test.each([
    ['no list', {}],
    ['no key id', [{ reason: 'stolen', since: '2026-05-01T00:00:00Z' }]],
    ['a key id of another form', [entry('abc')]],
    ['a member more', [{ ...entry(`sha256:${'0'.repeat(64)}`), until: 'ever' }]],
    ['no reason', [{ ...entry(`sha256:${'0'.repeat(64)}`), reason: '' }]],
    ['no time', [{ ...entry(`sha256:${'0'.repeat(64)}`), since: 'May' }]],
  ])('with %s is refused although it is well signed', async (_, revoked) => {
    expect(await verify(kit, { revocations: listOf(revoked, signer) })).toMatchObject({ ok: false, code: 'kit.revocations-invalid' });
  });

  test('that is not JSON is refused although it is well signed', async () => {
    expect(await verify(kit, { revocations: { list: 'x', signatures: signFile(Buffer.from('x'), signer) } })).toMatchObject({ code: 'kit.revocations-invalid' });
  });
});
