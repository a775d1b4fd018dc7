/** `zastava kit release`: `kit build` by a release key, written down in the release log, which is committed with the release. */
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { openReleaseLog, type OpenedLog } from '../../kit/log/log-folder.ts';
import { checkoutPaths, requireCheckout } from './checkout.ts';
import { addSealOptions, readKey, sealAndCheck, type SealOptions } from './kit-seal.ts';
import { say } from './terminal.ts';

interface ReleaseOptions extends SealOptions {
  readonly logKey: string;
}

export function addKitRelease(parent: Command): void {
  addSealOptions(parent.command('release').description('Builds a kit by a release key and writes its signatures down in the release log; commit the log with the release.'))
    .requiredOption('--log-key <file>', 'private key of the release log, ECDSA P-256')
    .addHelpText('after', '\nExample:\n  zastava kit release --version 1.2.0 --key release.pem --log-key release-log.pem && git add offline-kit/release-log')
    .action(releaseKit);
}

async function releaseKit(options: ReleaseOptions): Promise<void> {
  requireCheckout('kit release');
  if (options.key === undefined) throw new ZastavaError('usage', 'a release is signed by a release key: --key FILE');
  let log: OpenedLog | undefined;
  const ok = await sealAndCheck(options, async () => (log = await openReleaseLog(checkoutPaths.releaseLog, await readKey(options.logKey))));
  if (ok !== true) return;
  await log?.commit();
  say(options, `${checkoutPaths.releaseLog}/ has the release: commit it`);
}
