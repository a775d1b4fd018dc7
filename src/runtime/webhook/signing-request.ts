/** The key of a serving certificate, which never leaves the process, and the PKCS#10 request for it (RFC 2986). */
import { createPublicKey, generateKeyPairSync, webcrypto, type KeyObject } from 'node:crypto';
import { servingNames } from './serving-certificate.ts';

export interface SigningRequest {
  readonly privateKey: KeyObject;
  /** PEM. */
  readonly request: string;
}

/** X.509 is loaded by who needs it: a site with a Secret does not. */
export async function createSigningRequest(): Promise<SigningRequest> {
  const { AttributeTypeAndValue, Attribute, CertificationRequest, CryptoEngine, Extension, Extensions, GeneralName, GeneralNames, PublicKeyInfo, setEngine } = await import('pkijs');
  const { PrintableString } = await import('asn1js');
  setEngine('node', new CryptoEngine({ name: 'node', crypto: webcrypto as never }));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = new CertificationRequest();
  request.subject.typesAndValues.push(new AttributeTypeAndValue({ type: '2.5.4.3', value: new PrintableString({ value: servingNames[0] }) }));
  request.subjectPublicKeyInfo = PublicKeyInfo.fromBER(Uint8Array.from(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })));
  const names = new GeneralNames({ names: servingNames.map((value) => new GeneralName({ type: 2, value })) });
  const extensions = new Extensions({ extensions: [new Extension({ extnID: '2.5.29.17', extnValue: names.toSchema().toBER() })] });
  request.attributes = [new Attribute({ type: '1.2.840.113549.1.9.14', values: [extensions.toSchema()] })];
  await request.sign(privateKey.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']) as never, 'SHA-256');
  const base64 = Buffer.from(request.toSchema().toBER()).toString('base64').match(/.{1,64}/g) ?? [];
  return { privateKey, request: `-----BEGIN CERTIFICATE REQUEST-----\n${base64.join('\n')}\n-----END CERTIFICATE REQUEST-----\n` };
}
