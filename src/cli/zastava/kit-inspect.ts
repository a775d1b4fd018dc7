/** `zastava kit inspect`: what a kit says about itself; only with a key is that more than a claim. */
import type { Command } from 'commander';
import { inspectKit } from '../../kit/inspect-kit.ts';
import { openKit } from '../../kit/open-kit.ts';
import { readInput } from '../terminal/inputs.ts';
import { formatBytes, printJson, renderTable, say, styled, warn, type OutputOptions } from '../terminal/terminal.ts';

interface InspectOptions extends OutputOptions {
  readonly key?: string;
}

export function define(command: Command): void {
  command
    .argument('<kit>', 'the kit, or - for standard input')
    .option('--key <file>', 'public key in PEM: also check who signed the manifest')
    .option('--json', 'print it as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExamples:\n  zastava kit inspect zastava-runtime-1.0.0.tar.zst\n  zastava kit inspect zastava-runtime-1.0.0.tar.zst --key zastava-runtime.pub --json')
    .action(inspect);
}

async function inspect(path: string, options: InspectOptions): Promise<void> {
  const keyPem = options.key === undefined ? null : await readInput(options.key, 'public key');
  const kit = await inspectKit((await openKit(path)).stream(), keyPem);
  const { name, version, signedAt, signer, files } = kit.manifest;
  say(options, `${styled('bold', `${name} ${version}`)}, signed ${signedAt} by ${signer.kind} key ${signer.keyId}`, '');
  for (const { digest, names, platforms } of kit.images) {
    say(options, `image ${digest}`, ...names.map((text) => `  ${text}`), ...platforms.map((child) => `  ${child.platform} ${child.digest}`), '');
  }
  say(options, ...renderTable(files.map((file) => [file.role, formatBytes(file.size), file.path])));
  warn(kit.verified === 'manifest' ? 'only the manifest was verified; kit verify checks every byte' : 'nothing was verified; kit verify does it');
  printJson(options, kit);
}
