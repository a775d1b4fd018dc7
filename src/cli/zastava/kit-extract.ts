/** `zastava kit extract`: verifies the whole kit, then writes only what was asked for. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { extractKit } from '../../kit/extract-kit.ts';
import { openKit } from '../../kit/open-kit.ts';
import { printJson, say, startProgress, warn } from '../terminal/terminal.ts';
import { addTrustOptions, readTrust, type TrustOptions } from './trust-options.ts';

interface ExtractOptions extends TrustOptions {
  readonly to: string;
}

export function define(command: Command): void {
  const withPaths = command
    .argument('<kit>', 'the kit')
    .argument('[paths...]', 'files or folders of the kit (default: all)')
    .requiredOption('--to <dir>', 'where they go, under their paths in the kit');
  addTrustOptions(withPaths)
    .option('--json', 'print the files written as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExamples:\n  zastava kit extract zastava-runtime-1.0.0.tar.zst manifests docs/ops --to site-a --key zastava-runtime.pub\n  zastava kit extract KIT tools --to . --trusted-root trusted_root.json --certificate-identity https://zastava.example/kit/release')
    .action(extract);
}

async function extract(path: string, paths: string[], options: ExtractOptions): Promise<void> {
  const { trust, signatures } = await readTrust(path, options);
  const kit = await openKit(path, signatures);
  const progress = startProgress(options, 'verifying the kit');
  const { report, written } = await extractKit(kit, paths, options.to, { ...trust, onProgress: (bytes) => progress.update(bytes, kit.bytes ?? bytes) }).finally(() => progress.stop());
  if (report.signer?.kind === 'development') warn('DEVELOPMENT KEY: this kit is signed by a key that was made on a build machine, for trying out.');
  say(options, ...written.map((file) => join(options.to, file)));
  printJson(options, { ok: true, written, sha256: report.sha256 });
}
