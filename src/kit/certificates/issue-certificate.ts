/** Issues X.509 certificates (RFC 5280), signed with ECDSA and SHA-256: the development authority's, and those that `keys make` makes for a site. */
import { createPublicKey, randomBytes, type KeyObject, type webcrypto } from 'node:crypto';
import { sha256Bytes } from '../../bytes/digest.ts';
import { keyUsages, nameTypes, oids } from './certificate.ts';

export interface CertificateRequest {
  /** Common name. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** An authority may issue leaves, and no further authorities. */
  readonly isCa?: boolean;
  /** OIDs of the extended key usage. */
  readonly purposes?: readonly string[];
  /** Subject alternative names. */
  readonly names?: readonly { readonly type: keyof typeof nameTypes; readonly value: string }[];
}

/** Whose certificate it is under; `subject` is the common name. A key that signs its own is a root. */
export interface Issuer {
  readonly subject: string;
  /** P-256. */
  readonly privateKey: KeyObject;
}

/** Gives the DER. The serial number is random, so no two are the same. */
export async function issueCertificate(request: CertificateRequest, issuer: Issuer): Promise<Buffer> {
  const { AuthorityKeyIdentifier, BasicConstraints, BitString, Certificate, Extension, ExtKeyUsage, GeneralName, GeneralNames, Integer, OctetString, PublicKeyInfo, Time } = await loadAsn1();
  const certificate = new Certificate();
  certificate.version = 2;
  certificate.serialNumber = new Integer({ valueHex: Uint8Array.from(Buffer.concat([Buffer.of(0x40), randomBytes(15)])).buffer });
  certificate.issuer.typesAndValues.push(await commonName(issuer.subject));
  certificate.subject.typesAndValues.push(await commonName(request.subject));
  certificate.notBefore = new Time({ type: timeType(request.notBefore), value: request.notBefore });
  certificate.notAfter = new Time({ type: timeType(request.notAfter), value: request.notAfter });
  certificate.subjectPublicKeyInfo = PublicKeyInfo.fromBER(Uint8Array.from(request.publicKey.export({ type: 'spki', format: 'der' })));
  const isCa = request.isCa === true;
  const usage = isCa ? (0x80 >> keyUsages.keyCertSign) | (0x80 >> keyUsages.crlSign) : 0x80 >> keyUsages.digitalSignature;
  const add = (extnID: string, critical: boolean, value: { toBER(): ArrayBuffer }): void => void certificate.extensions?.push(new Extension({ extnID, critical, extnValue: value.toBER() }));
  certificate.extensions = [];
  add(oids.basicConstraints, true, new BasicConstraints(isCa ? { cA: true, pathLenConstraint: 0 } : {}).toSchema());
  add(oids.keyUsage, true, new BitString({ valueHex: Uint8Array.of(usage).buffer, unusedBits: isCa ? 1 : 7 }));
  if (request.purposes) add(oids.extendedKeyUsage, false, new ExtKeyUsage({ keyPurposes: [...request.purposes] }).toSchema());
  if (request.names) add(oids.subjectAlternativeName, false, new GeneralNames({ names: request.names.map(({ type, value }) => new GeneralName({ type: nameTypes[type], value })) }).toSchema());
  const [issuerKeyId, keyId] = [createPublicKey(issuer.privateKey), request.publicKey].map(keyIdentifier) as [ArrayBuffer, ArrayBuffer];
  add(oids.subjectKeyIdentifier, false, new OctetString({ valueHex: keyId }));
  add(oids.authorityKeyIdentifier, false, new AuthorityKeyIdentifier({ keyIdentifier: new OctetString({ valueHex: issuerKeyId }) }).toSchema());
  await certificate.sign(signingKey(issuer.privateKey), 'SHA-256');
  return Buffer.from(certificate.toSchema().toBER());
}

/** A request to somebody else's authority (PKCS#10), signed with the key itself; gives the DER. */
export async function renderCertificateRequest(subject: string, privateKey: KeyObject): Promise<Buffer> {
  const { CertificationRequest, PublicKeyInfo } = await loadAsn1();
  const request = new CertificationRequest();
  request.version = 0;
  request.subject.typesAndValues.push(await commonName(subject));
  request.subjectPublicKeyInfo = PublicKeyInfo.fromBER(Uint8Array.from(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })));
  request.attributes = [];
  await request.sign(signingKey(privateKey), 'SHA-256');
  return Buffer.from(request.toSchema().toBER());
}

async function loadAsn1() {
  const [asn1, x509] = await Promise.all([import('asn1js'), import('pkijs')]);
  return { ...x509, BitString: asn1.BitString, Integer: asn1.Integer, OctetString: asn1.OctetString, Utf8String: asn1.Utf8String };
}

async function commonName(value: string) {
  const { AttributeTypeAndValue, Utf8String } = await loadAsn1();
  return new AttributeTypeAndValue({ type: '2.5.4.3', value: new Utf8String({ value }) });
}

/** RFC 5280 section 4.1.2.5: UTCTime until 2049, GeneralizedTime after. */
function timeType(time: Date): 0 | 1 {
  return time.getUTCFullYear() < 2050 ? 0 : 1;
}

/** Any value that is the key's own will do (RFC 5280 section 4.2.1.2). */
function keyIdentifier(key: KeyObject): ArrayBuffer {
  return Uint8Array.from(sha256Bytes(key.export({ type: 'spki', format: 'der' })).subarray(0, 20)).buffer;
}

function signingKey(key: KeyObject): webcrypto.CryptoKey {
  return key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}
