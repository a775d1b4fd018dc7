/** `zastava kit verify`: one pass over a kit against a public key that the caller has from elsewhere. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { kitSuffixes } from '../../contract/kit-format.ts';
import { parseRecipe } from '../../kit/recipe.ts';
import { checkoutPaths, inCheckout } from './checkout.ts';
import { readInput } from './files.ts';
import { checkKit, sayReport, type KitTrust } from './kit-check.ts';
import { printJson, say, warn, type OutputOptions } from './terminal.ts';

export interface TrustOptions extends OutputOptions {
  readonly key?: string;
  readonly allowDevelopment?: boolean;
}

interface VerifyVerbOptions extends TrustOptions {
  readonly bundle?: string;
  readonly signature?: string;
  readonly integrityOnly?: boolean;
}

export function addKitVerify(parent: Command): void {
  parent
    .command('verify')
    .description('Checks a kit in one pass, in constant memory, without extracting: signature, manifest, every byte, OCI closure, images, metrics.')
    .argument('[kit]', 'the kit, or - for standard input (in a checkout: the newest kit here, with the trust of this checkout)')
    .option('--key <file>', 'public key in PEM, which came another way than the kit')
    .option('--bundle <file>', 'sigstore bundle (default: beside the kit)')
    .option('--signature <file>', 'base64 signature (default: beside the kit)')
    .option('--allow-development', 'accept a kit that is signed by a development key')
    .option('--integrity-only', 'without a key: check that the kit is whole, not who made it')
    .option('--json', 'print the report as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExamples:\n  npm run verify\n  zastava kit verify zastava-runtime-1.0.0.tar.zst --key trust/zastava-runtime.pub\n  zastava kit verify - --key zastava-runtime.pub --bundle kit.sigstore.json < /dev/st0')
    .action(verify);
}

async function verify(kit: string | undefined, options: VerifyVerbOptions): Promise<void> {
  const here = kit === undefined ? await newestHere() : undefined;
  const path = kit ?? here?.path ?? '';
  if (here !== undefined) warn(`checking the newest kit here, ${here.path}, with the trust of this checkout, ${here.key}; a development key is allowed. That proves nothing to anybody else.`);
  const trust = await readTrust({ ...options, ...(here !== undefined && { key: options.key ?? here.key, allowDevelopment: true }) });
  const report = await checkKit(path, { ...trust, ...(options.integrityOnly === true && { integrityOnly: true }) }, options, { bundle: options.bundle, signature: options.signature });
  say(options, path);
  sayReport(options, report);
  printJson(options, report);
}

/** The public key that the caller names. */
export async function readTrust(options: TrustOptions): Promise<KitTrust> {
  const keyPem = options.key === undefined ? null : await readInput(options.key, 'public key');
  return { keyPem, allowDevelopment: options.allowDevelopment === true };
}

async function newestHere(): Promise<{ path: string; key: string }> {
  if (!inCheckout()) throw new ZastavaError('usage', 'no kit was named, and this is no checkout that could have one; give the kit: zastava kit verify KIT --key PUB');
  const names = (await readdir(checkoutPaths.kits)).filter((name) => name.endsWith(kitSuffixes.archive));
  const kits = await Promise.all(names.map(async (name) => ({ path: join(checkoutPaths.kits, name), madeMs: (await stat(join(checkoutPaths.kits, name))).mtimeMs })));
  const [newest] = kits.sort((a, b) => b.madeMs - a.madeMs);
  if (newest === undefined) throw new ZastavaError('environment', `there is no kit in ${checkoutPaths.kits}/; build one: npm run kit`);
  const { name } = parseRecipe(await readInput(checkoutPaths.recipe, 'recipe'), checkoutPaths.recipe);
  return { path: newest.path, key: join(checkoutPaths.kits, 'trust', `${name}.pub`) };
}
