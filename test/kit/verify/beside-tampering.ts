/** What may be done to the files beside a kit, and what the one who verifies may get wrong. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { bundleFromJSON, bundleToJSON, toMessageSignatureBundle } from '@sigstore/bundle';
import { sha256Bytes } from '../../../src/bytes/digest.ts';
import { attestationMediaTypes } from '../../../src/contract/attestations.ts';
import { signMessageBundles } from '../../../src/kit/bundle.ts';
import type { Signer } from '../../../src/kit/keys.ts';
import type { Notary } from '../../../src/kit/notary.ts';
import { testKeyPem } from '../tiny-kit.ts';
import { signFile, type SealedFile, type SealedKit } from '../sealed-kit.ts';
import type { Tampering } from './tamper-cases.ts';

interface BundleJson {
  mediaType: string;
  verificationMaterial: Record<string, unknown>;
  messageSignature: { messageDigest: { algorithm: string; digest: string }; signature: string };
}

type Beside = NonNullable<Tampering['beside']>;

/** The bundle changed, and no other signature beside it. */
const bundle = (change: (bundle: BundleJson) => unknown): Beside => (signatures) => ({ signature: null, bundle: JSON.stringify(change(JSON.parse(signatures.bundle!) as BundleJson)) });
const bundleText = (text: string): Beside => () => ({ signature: null, bundle: text });
const detached = (change: (text: string) => string): Beside => ({ signature }) => ({ bundle: null, signature: change(signature!) });

function pemOf(namedCurve: string): string {
  return generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

/** A site that keeps the head of the log, and trusts a development log, the `notary`'s: no kit's history is one. */
export function logTampering(kit: SealedKit, files: readonly SealedFile[], notary: Notary): Tampering {
  const { host, logId, publicKeyPem } = notary.log;
  notary.log.append(loggedIn(files), 0);
  const { bundle } = signMessageBundles(Buffer.from(sha256Bytes(kit.bytes)), notary);
  const rawBytes = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' }).toString('base64');
  const keyId = Buffer.from(logId.slice('sha256:'.length), 'hex').toString('base64');
  const trustedRoot = JSON.stringify({ tlogs: [{ baseUrl: `https://${host}`, publicKey: { rawBytes, keyDetails: 'PKIX_ECDSA_P256_SHA_256' }, logId: { keyId } }] });
  return { region: 'log of a development kit', what: 'where the head of a log is kept', beside: () => ({ ...kit.signatures, bundle }), options: { trustedRoot, logState: { state: null } } };
}

/** Bodies of the log's entries that the bundles among the files have, in the order of the log. */
function loggedIn(files: readonly SealedFile[]): string[] {
  const bundles = files.filter(({ mediaType }) => mediaType === attestationMediaTypes.bundle).map(({ bytes }) => bundleFromJSON(JSON.parse(bytes.toString())));
  const entries = bundles.flatMap(({ verificationMaterial }) => verificationMaterial.tlogEntries);
  return entries.sort((a, b) => Number(a.logIndex) - Number(b.logIndex)).map(({ canonicalizedBody }) => canonicalizedBody.toString());
}

/** `signer` is the one that the kit is signed by, `stranger` another; with a certificate (DER) for each. */
export function besideTampering(kit: SealedKit, [signer, certificate]: readonly [Signer, Buffer], [stranger, foreignCertificate]: readonly [Signer, Buffer]): Tampering[] {
  const other = signFile(Buffer.from('another kit'), signer);
  const foreign = signFile(kit.bytes, stranger);
  const content = (change: Partial<BundleJson['messageSignature']>) => bundle((found) => ({ ...found, messageSignature: { ...found.messageSignature, ...change } }));
  const signatureOf = (text: string | null): string => (JSON.parse(text!) as BundleJson).messageSignature.signature;
  const certified = (by: Signer, named: Buffer, of = kit.bytes): Beside => {
    const digest = Buffer.from(sha256Bytes(of));
    const text = JSON.stringify(bundleToJSON(toMessageSignatureBundle({ digest, signature: Buffer.from(by.signDigest(digest)), certificate: named })));
    return (signatures) => ({ ...signatures, certificateBundle: text });
  };
  return [
    { region: 'signature beside', what: "certificate bundle of a stranger's", beside: certified(stranger, foreignCertificate) },
    { region: 'signature beside', what: "certificate bundle with a stranger's certificate", beside: certified(signer, foreignCertificate) },
    { region: 'signature beside', what: "certificate bundle with a stranger's signature", beside: certified(stranger, certificate) },
    { region: 'signature beside', what: 'certificate bundle of another kit', beside: certified(signer, certificate, Buffer.from('another kit')) },
    { region: 'signature beside', what: 'certificate bundle with bytes for a certificate', beside: certified(signer, Buffer.from('no certificate')) },
    { region: 'signature beside', what: 'both of another kit', beside: () => other },
    { region: 'signature beside', what: '.sig of another kit', beside: (found) => ({ ...found, signature: other.signature }) },
    { region: 'signature beside', what: 'bundle of another kit', beside: (found) => ({ ...found, bundle: other.bundle }) },
    { region: 'signature beside', what: "both a stranger's", beside: () => foreign },
    { region: 'signature beside', what: ".sig of a stranger's", beside: (found) => ({ ...found, signature: foreign.signature }) },
    { region: 'signature beside', what: "bundle of a stranger's", beside: (found) => ({ ...found, bundle: foreign.bundle }) },
    { region: 'signature beside', what: "bundle with a stranger's signature and the right key hint", beside: content({ signature: signatureOf(foreign.bundle) }) },
    { region: 'signature beside', what: "bundle with the right signature and a stranger's key hint", beside: bundle((found) => ({ ...found, verificationMaterial: (JSON.parse(foreign.bundle!) as BundleJson).verificationMaterial })) },
    { region: 'signature beside', what: 'bundle with the signature of another kit', beside: content({ signature: signatureOf(other.bundle) }) },
    { region: 'signature beside', what: 'bundle with the digest of another kit', beside: content({ messageDigest: { algorithm: 'SHA2_256', digest: Buffer.alloc(32).toString('base64') } }) },
    { region: 'signature beside', what: 'bundle with another algorithm', beside: bundle((found) => ({ ...found, messageSignature: { ...found.messageSignature, messageDigest: { ...found.messageSignature.messageDigest, algorithm: 'SHA2_512' } } })) },
    { region: 'signature beside', what: 'bundle of a media type that nobody knows', beside: bundle((found) => ({ ...found, mediaType: 'text/plain' })) },
    { region: 'signature beside', what: 'bundle of an envelope', beside: bundle(({ mediaType, verificationMaterial }) => ({ mediaType, verificationMaterial, dsseEnvelope: { payload: 'e30=', payloadType: 'text/plain', signatures: [{ sig: 'AA==', keyid: '' }] } })) },
    { region: 'signature beside', what: 'bundle with the certificate of nobody', beside: bundle((found) => ({ ...found, verificationMaterial: { certificate: { rawBytes: 'AA==' } } })) },
    { region: 'signature beside', what: 'bundle of nothing', beside: bundleText('{}') },
    { region: 'signature beside', what: 'bundle that is no JSON', beside: bundleText('no bundle') },
    { region: 'signature beside', what: '.sig that is no base64', beside: detached((text) => ` ${text}`) },
    { region: 'signature beside', what: '.sig of nothing', beside: detached(() => '\n') },
    { region: 'signature beside', what: '.sig that is no DER', beside: detached(() => 'AAAA\n') },
    { region: 'signature beside', what: '.sig with bytes after it', beside: detached((text) => Buffer.concat([Buffer.from(text, 'base64'), Buffer.of(0)]).toString('base64')) },
    { region: 'no signature beside', what: 'neither of the two', beside: () => ({ bundle: null, signature: null }) },
    { region: 'size of a signature beside', what: '.sig', beside: detached(() => 'A'.repeat(100_000)) },
    { region: 'size of a signature beside', what: 'bundle', beside: bundle((found) => ({ ...found, comment: 'x'.repeat(100_000) })) },
    { region: 'too few signatures', what: 'of two that were asked for', options: { require: 2 } },
    { region: 'wrong key', what: "a stranger's", options: { keyPem: stranger.publicKeyPem } },
    { region: 'wrong key', what: "a stranger's, with integrity only", options: { keyPem: stranger.publicKeyPem, integrityOnly: true } },
    { region: 'no key', what: 'and no leave to do without', options: { keyPem: null } },
    { region: 'no key', what: 'and no log, where what was seen of one counts', options: { logState: { state: null } } },
    { region: 'key that is none', what: 'a private key', options: { keyPem: testKeyPem } },
    { region: 'key that is none', what: 'another curve', options: { keyPem: pemOf('P-384') } },
    { region: 'key that is none', what: 'text', options: { keyPem: 'no key' } },
  ];
}
