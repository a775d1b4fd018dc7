/** Certificates that can be read only in part. Their signatures are wrong as well, which is for others to notice. */
import { Integer } from 'asn1js';
import { BasicConstraints, Certificate as Asn1Certificate, type Extension } from 'pkijs';
import { describe, expect, test } from 'vitest';
import { decodePem, encodePem, oids, parseCertificate } from '../../../src/kit/certificates/certificate.ts';
import { makeChain } from './chains.ts';

const { leaf, root } = await makeChain();

function withExtensions(der: Buffer, change: (extensions: Extension[]) => void): Buffer {
  const certificate = Asn1Certificate.fromBER(Uint8Array.from(der));
  change(certificate.extensions!);
  return Buffer.from(certificate.toSchema(true).toBER());
}

const find = (extensions: readonly Extension[], id: string): Extension => extensions.find(({ extnID }) => extnID === id)!;

describe('a certificate', () => {
  test('is read when it is only taken apart and put together', async () => {
    expect(await parseCertificate(withExtensions(leaf, () => {}), 'it')).toMatchObject({ isCa: false, extendedKeyUsage: [oids.codeSigning] });
    expect(await parseCertificate(withExtensions(root, () => {}), 'it')).toMatchObject({ isCa: true, pathLength: 0 });
  });

  test.each<[string, Buffer]>([
    ['an extension twice', withExtensions(leaf, (extensions) => void extensions.push(find(extensions, oids.subjectAlternativeName)))],
    ['a purpose that cannot be read', withExtensions(leaf, (extensions) => void (find(extensions, oids.extendedKeyUsage).extnValue.valueBlock.valueHexView.set([0x31, 0x7f])))],
    ['a purpose that is none', withExtensions(leaf, (extensions) => void (find(extensions, oids.extendedKeyUsage).extnValue.valueBlock.valueHexView.set([0x04])))],
    ['a path length beyond measure', withExtensions(root, (extensions) => {
      const constraints = new BasicConstraints({ cA: true, pathLenConstraint: new Integer({ valueHex: new Uint8Array(9).fill(0x11).buffer }) });
      find(extensions, oids.basicConstraints).extnValue.valueBlock.valueHexView = new Uint8Array(constraints.toSchema().toBER());
    })],
  ])('with %s is refused', async (_, der) => {
    await expect(parseCertificate(der, 'it')).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
  });
});

test('a text without a certificate is refused', () => {
  expect(decodePem(`for people\n${encodePem(leaf)}`, 'it')).toEqual([leaf]);
  expect(() => decodePem('no certificate', 'it')).toThrow(expect.objectContaining({ code: 'kit.certificate-invalid' }));
});
