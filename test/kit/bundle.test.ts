import { createPublicKey, randomBytes } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/bytes/canonical-json.ts';
import { sha256Bytes } from '../../src/bytes/digest.ts';
import { statementType } from '../../src/contract/attestations.ts';
import { signDsseBundles, signMessageBundles } from '../../src/kit/bundle.ts';
import type { Notary } from '../../src/kit/notary.ts';
import { testNotary } from './tiny-kit.ts';

interface EntryJson {
  readonly logIndex?: string;
  readonly integratedTime: string;
  readonly kindVersion: { readonly kind: string; readonly version: string };
  readonly inclusionProof: { readonly checkpoint: { readonly envelope: string } };
  readonly canonicalizedBody: string;
}

const artifact = Buffer.from('a kit');
const statement = Buffer.from(canonicalJson({ _type: statementType, subject: [], predicateType: 'test', predicate: {} }));

/** Sigstore's own verifier, which demands an entry of the notary's log. */
function verify(text: string, { signer, log }: Notary, over?: Buffer): void {
  const der = createPublicKey(log.publicKeyPem).export({ type: 'spki', format: 'der' });
  const tlogs = [{ baseUrl: `https://${log.host}`, hashAlgorithm: 1, publicKey: { rawBytes: der, keyDetails: 5, validFor: { start: new Date(0) } }, logId: { keyId: Buffer.from(log.logId.slice(7), 'hex') }, checkpointKeyId: undefined, operator: '' }];
  const trust = toTrustMaterial({ mediaType: '', tlogs, ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] }, () => ({ publicKey: createPublicKey(signer.publicKeyPem), validFor: () => true }));
  new Verifier(trust, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundleFromJSON(JSON.parse(text)), over));
}

function entryOf(text: string): EntryJson {
  const { verificationMaterial } = JSON.parse(text) as { verificationMaterial: { tlogEntries: [EntryJson] } };
  expect(verificationMaterial.tlogEntries).toHaveLength(1);
  const [entry] = verificationMaterial.tlogEntries;
  // Protobuf's JSON leaves a number out that is 0.
  return { ...entry, logIndex: entry.logIndex ?? '0' };
}

describe('a bundle of a message', () => {
  test('has an entry that sigstore demands and accepts, for this message alone', async () => {
    const notary = await testNotary();
    const { bundle, certificateBundle } = signMessageBundles(Buffer.from(sha256Bytes(artifact)), notary);
    expect(certificateBundle).toBeNull();
    expect(() => verify(bundle, notary, artifact)).not.toThrow();
    expect(() => verify(bundle, notary, Buffer.from('another kit'))).toThrow();
    expect(() => verify(bundle, { ...notary, log: { ...notary.log, ...keyOf(notary.signer.deriveSigner('another log')) } }, artifact)).toThrow();
  });

  test('is canonical JSON, dated by the notary', async () => {
    const { bundle } = signMessageBundles(Buffer.from(sha256Bytes(artifact)), await testNotary());
    expect(bundle).toBe(canonicalJson(JSON.parse(bundle)));
    expect(entryOf(bundle)).toMatchObject({ logIndex: '0', integratedTime: String(Date.parse('2026-01-02T03:04:06Z') / 1000), kindVersion: { kind: 'hashedrekord', version: '0.0.1' } });
  });

  test('is the same from the same key and time', async () => {
    const bundles = [await testNotary(), await testNotary()].map((notary) => signMessageBundles(Buffer.from(sha256Bytes(artifact)), notary).bundle);
    expect(bundles[0]).toBe(bundles[1]);
  });

  test('in certificate mode shares the signature and the head of the log with the one in key mode, and names the certificate in its entry', async () => {
    const der = randomBytes(100);
    const { bundle, certificateBundle } = signMessageBundles(Buffer.from(sha256Bytes(artifact)), await testNotary(), der);
    const [byKey, byCertificate] = [bundle, certificateBundle!].map((text) => JSON.parse(text) as { messageSignature: unknown; verificationMaterial: { certificate?: unknown } });
    expect(byCertificate!.messageSignature).toEqual(byKey!.messageSignature);
    expect(byCertificate!.verificationMaterial.certificate).toEqual({ rawBytes: der.toString('base64') });
    const [first, second] = [entryOf(bundle), entryOf(certificateBundle!)];
    expect([first.logIndex, second.logIndex]).toEqual(['0', '1']);
    expect(second.inclusionProof.checkpoint).toEqual(first.inclusionProof.checkpoint);
    const body = JSON.parse(Buffer.from(second.canonicalizedBody, 'base64').toString()) as { spec: { signature: { publicKey: { content: string } } } };
    expect(Buffer.from(body.spec.signature.publicKey.content, 'base64').toString()).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
  });
});

describe('bundles of statements', () => {
  test('have entries that sigstore demands and accepts', async () => {
    const notary = await testNotary();
    const bundles = signDsseBundles([statement, Buffer.from('{}')], notary);
    for (const bundle of bundles) expect(() => verify(bundle, notary)).not.toThrow();
    expect(() => verify(bundles[0]!.replace(statement.toString('base64'), Buffer.from('{"a":1}').toString('base64')), notary)).toThrow();
  });

  test('become leaves of the log at once, in their order', async () => {
    const notary = await testNotary();
    const entries = signDsseBundles([statement, Buffer.from('{}')], notary).map(entryOf);
    expect(entries.map(({ logIndex, kindVersion: { kind } }) => `${logIndex} ${kind}`)).toEqual(['0 dsse', '1 dsse']);
    expect(new Set(entries.map(({ inclusionProof }) => inclusionProof.checkpoint.envelope)).size).toBe(1);
    expect(entryOf(signMessageBundles(Buffer.alloc(32), notary).bundle).logIndex).toBe('2');
  });

  test('of nothing leave the log as it is', async () => {
    const notary = await testNotary();
    expect(signDsseBundles([], notary)).toEqual([]);
    expect(entryOf(signMessageBundles(Buffer.alloc(32), notary).bundle).logIndex).toBe('0');
  });
});

function keyOf({ keyId, publicKeyPem }: Notary['signer']): Pick<Notary['log'], 'logId' | 'publicKeyPem'> {
  return { logId: keyId, publicKeyPem };
}
