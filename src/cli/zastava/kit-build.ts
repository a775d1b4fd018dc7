/** `zastava kit build`: values → images → manifests → signed kit, opened again before it is called done. */
import type { Command } from 'commander';
import { provideDevelopmentKey } from '../../kit/keys.ts';
import { developmentLog } from '../../kit/log/release-log.ts';
import { checkoutPaths, requireCheckout } from './checkout.ts';
import { addSealOptions, sayKit, sealAndCheck, type SealOptions } from './kit-seal.ts';

export function define(command: Command): void {
  addSealOptions(command)
    .addHelpText('after', '\nExamples:\n  npm run kit\n  npm run kit -- --version 1.2.0 --key release.pem --cert release.crt --signing-time 2026-11-24T00:00:00Z\n  npm run kit -- --unsigned --key release.pub\n  npm run kit -- --values site-a.yaml --out out/site-a')
    .action(buildKit);
}

/** Its signatures are in a log of this kit alone; only `kit release` writes the real one. */
async function buildKit(options: SealOptions): Promise<void> {
  requireCheckout('kit build');
  const kit = await sealAndCheck(options, async (signer) => developmentLog(signer === 'elsewhere' ? await provideDevelopmentKey(checkoutPaths.developmentKey) : signer));
  if (kit !== undefined) sayKit(options, kit);
}
