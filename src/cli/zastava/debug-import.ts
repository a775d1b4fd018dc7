/** `zastava debug import`: verifies the whole kit, then puts its symbols where gdb and `debug serve` look for them. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { debugFolder } from '../../contract/debug-store.ts';
import { kitPaths } from '../../contract/kit-format.ts';
import { extractKit } from '../../kit/extract-kit.ts';
import { openKit } from '../../kit/open-kit.ts';
import { printJson, say, startProgress, warn } from '../terminal/terminal.ts';
import { addTrustOptions, readTrust, type TrustOptions } from './trust-options.ts';

interface ImportOptions extends TrustOptions {
  readonly to: string;
}

export function define(command: Command): void {
  const withFolder = command
    .argument('<kit>', 'the kit')
    .option('--to <dir>', 'the debug folder; made if it is not there, and what else is in it stays', debugFolder);
  addTrustOptions(withFolder)
    .option('--json', 'print the files written as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', `\nExample:\n  zastava debug import zastava-runtime-1.0.0.tar.zst --to ${debugFolder} --key zastava-runtime.pub`)
    .action(importDebug);
}

async function importDebug(path: string, options: ImportOptions): Promise<void> {
  const { trust, signatures } = await readTrust(path, options);
  const kit = await openKit(path, signatures);
  const progress = startProgress(options, 'verifying the kit');
  const { report, written } = await extractKit(kit, [kitPaths.debug], options.to, {
    ...trust,
    placeOf: (name) => name.slice(kitPaths.debug.length),
    onProgress: (bytes) => progress.update(bytes, kit.bytes ?? bytes),
  }).finally(() => progress.stop());
  if (report.signer?.kind === 'development') warn('DEVELOPMENT KEY: this kit is signed by a key that was made on a build machine, for trying out.');
  const files = written.map((name) => join(options.to, name));
  say(options, ...files);
  printJson(options, { ok: true, written: files, sha256: report.sha256 });
}
