/** Tiny kits that are really released: one after the other into a log in a folder, by a log key of the tests. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Signer } from '../../src/kit/keys.ts';
import { openReleaseLog } from '../../src/kit/log/log-folder.ts';
import { openKit } from '../../src/kit/open-kit.ts';
import type { VerifyReport } from '../../src/kit/verify/report.ts';
import { verifyKit, type VerifyOptions } from '../../src/kit/verify/verify-kit.ts';
import { makeTinyKit, testSigner, type TinyKit } from './tiny-kit.ts';

export async function testLogSigner(): Promise<Signer> {
  return (await testSigner()).deriveSigner('log of the tests');
}

/** Builds, signs and commits one kit. */
export async function release(folder: string, version: string, signedAt: string): Promise<TinyKit> {
  const log = await openReleaseLog(join(folder, 'release-log'), await testLogSigner());
  const kit = await makeTinyKit((plan) => ({ ...plan, version, notary: { ...plan.notary, log, signedAt } }));
  await log.commit();
  return kit;
}

/** With the trust that was written for it. */
export async function verifyReleased(kit: TinyKit, options: Partial<VerifyOptions> = {}): Promise<VerifyReport> {
  const { signatures, stream } = await openKit(kit.path);
  return verifyKit(stream(), { keyPem: (await testSigner()).publicKeyPem, signatures, trustedRoot: await readFile(kit.trustedRoot, 'utf8'), ...options });
}
