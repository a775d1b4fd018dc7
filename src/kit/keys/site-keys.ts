/**
 * Keys for a site: the kit's and the release log's, Authority's DPoP key and client key, the webhook's serving
 * certificate; with a Secret manifest where a Pod mounts it (contract section 1). Each is made here and nowhere kept.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { stringify } from 'yaml';
import { ZastavaError } from '../../contract/errors.ts';
import { namespace, objectNames, secretNames } from '../../contract/names.ts';
import { decodePem, encodePem } from '../certificates/certificate.ts';
import { issueCertificate, renderCertificateRequest } from '../certificates/issue-certificate.ts';

/** Names of the files and their texts, and what is to be done with them. */
export interface SiteKey {
  readonly secret: ReadonlyMap<string, string>;
  readonly open: ReadonlyMap<string, string>;
  readonly next: string;
}

const serverAuth = '1.3.6.1.5.5.7.3.1';

/** `name` is that of the files: `zastava-runtime` or `release-log`. PKCS#8, encrypted when there is a passphrase. */
export function makeSigningKey(name: string, passphrase: string | undefined): SiteKey {
  const { privateKey, publicKey } = newKey();
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...(passphrase !== undefined && { cipher: 'aes-256-cbc', passphrase }) }).toString();
  return {
    secret: new Map([[`${name}.key.pem`, pem]]),
    open: new Map([[`${name}.pub`, publicKey.export({ type: 'spki', format: 'pem' }).toString()]]),
    next: `Keep ${name}.key.pem offline${passphrase === undefined ? ', and encrypted: it is not' : ''}. Carry ${name}.pub to the sites another way than the kits.`,
  };
}

/** A private JWK for DPoP proofs (RFC 9449); `kid` is its thumbprint (RFC 7638). The revision is in the data, too: annotations are not mounted. */
export async function makeDpopKey(revision: string): Promise<SiteKey> {
  const { privateKey, publicKey } = newKey();
  const open: JWK = publicKey.export({ format: 'jwk' });
  const facts = { alg: 'ES256', use: 'sig', kid: await calculateJwkThumbprint(open) };
  const text = `${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...facts })}\n`;
  return {
    secret: new Map([['jwk.json', text], secretManifest(secretNames.dpop, 'Opaque', { 'jwk.json': text, revision }, { revision })]),
    open: new Map([['jwk.public.json', `${JSON.stringify({ ...open, ...facts })}\n`]]),
    next: `kubectl apply -f ${secretNames.dpop}.secret.yaml; register jwk.public.json with Authority if it wants to know the key. Thumbprint ${facts.kid}.`,
  };
}

/** A client key and the request for its certificate: whose authority signs it is for Authority to say. */
export async function makeClientKey(clientId: string): Promise<SiteKey> {
  const { privateKey } = newKey();
  const request = (await renderCertificateRequest(clientId, privateKey)).toString('base64').match(/.{1,64}/g) ?? [];
  return {
    secret: new Map([['client.key', pkcs8(privateKey)]]),
    open: new Map([['client.csr', `-----BEGIN CERTIFICATE REQUEST-----\n${request.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`]]),
    next: 'Have client.csr signed by the authority that Authority trusts for clients, then run this again with --certificate FILE.',
  };
}

/** The Secret of a client key and the certificate that was issued for it, with its chain. @throws ZastavaError `kit.certificate-invalid` when they do not belong together. */
export function makeClientSecret(keyPem: string, certificatePem: string): SiteKey {
  const [leaf] = decodePem(certificatePem, 'the certificate');
  if (!new X509Certificate(leaf!).checkPrivateKey(createPrivateKey(keyPem))) throw new ZastavaError('kit.certificate-invalid', 'The certificate is not of client.key: it was issued for another request.');
  return {
    secret: new Map([secretManifest(secretNames.mtls, 'kubernetes.io/tls', { 'tls.crt': certificatePem, 'tls.key': keyPem })]),
    open: new Map(),
    next: `kubectl apply -f ${secretNames.mtls}.secret.yaml`,
  };
}

/** The webhook's serving certificate, under an authority that issues this one and whose key is thrown away. */
export async function makeServingKey(now: Date, days: number): Promise<SiteKey> {
  const [authority, server] = [newKey(), newKey()];
  const notBefore = new Date(now.getTime() - 3600_000);
  const notAfter = new Date(now.getTime() + days * 86_400_000);
  const service = `${objectNames.webhook}.${namespace}.svc`;
  const issuer = { subject: `${objectNames.webhook} authority`, privateKey: authority.privateKey };
  const ca = encodePem(await issueCertificate({ subject: issuer.subject, publicKey: authority.publicKey, notBefore, notAfter, isCa: true }, issuer));
  const names = [service, `${service}.cluster.local`, `${objectNames.webhook}.${namespace}`].map((value) => ({ type: 'dns' as const, value }));
  const certificate = encodePem(await issueCertificate({ subject: service, publicKey: server.publicKey, notBefore, notAfter, purposes: [serverAuth], names }, issuer));
  const key = pkcs8(server.privateKey);
  return {
    secret: new Map([['tls.key', key], secretManifest(secretNames.webhookTls, 'kubernetes.io/tls', { 'tls.crt': certificate, 'tls.key': key })]),
    open: new Map([['tls.crt', certificate], ['ca.crt', ca]]),
    next: `kubectl apply -f ${secretNames.webhookTls}.secret.yaml, and put ca.crt into the values (caBundle). Valid until ${notAfter.toISOString().slice(0, 10)}.`,
  };
}

function secretManifest(name: string, type: string, stringData: Readonly<Record<string, string>>, annotations?: Readonly<Record<string, string>>): [string, string] {
  return [`${name}.secret.yaml`, stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, ...(annotations && { annotations }) }, type, stringData })];
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
