/** All cases of the tamper matrix. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { parseSigner, type Signer } from '../../../src/kit/keys.ts';
import { makeChain } from '../certificates/chains.ts';
import { testNotary, testSigner } from '../tiny-kit.ts';
import { archiveTampering } from './archive-tampering.ts';
import { besideTampering, logTampering } from './beside-tampering.ts';
import { blobTampering, contentTampering } from './content-tampering.ts';
import { fileTampering } from './file-tampering.ts';
import { manifestTampering } from './manifest-tampering.ts';
import { tamperCases, type TamperCase } from './tamper-cases.ts';

export async function wholeMatrix(): Promise<TamperCase[]> {
  const signer = await testSigner();
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const stranger = await parseSigner(pem.toString(), "a stranger's key");
  const [own, foreign] = [await certificateOf(signer), await certificateOf(stranger)];
  const notary = await testNotary();
  return tamperCases((kit, files) => [
    ...fileTampering(kit),
    ...archiveTampering(kit, files, signer),
    ...manifestTampering,
    ...contentTampering,
    ...blobTampering(files),
    ...besideTampering(kit, [signer, own], [stranger, foreign]),
    logTampering(kit, files, notary),
  ]);
}

async function certificateOf({ publicKeyPem }: Signer): Promise<Buffer> {
  return (await makeChain({ publicKey: createPublicKey(publicKeyPem) })).leaf;
}
