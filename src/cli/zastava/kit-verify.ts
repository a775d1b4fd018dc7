/** `zastava kit verify`: one pass over a kit against a public key that the caller has from elsewhere. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { kitSuffixes } from '../../contract/kit-format.ts';
import { readLogState, writeLogState, type LogState } from '../../kit/log-state.ts';
import { parseRecipe } from '../../kit/recipe.ts';
import type { VerifyReport } from '../../kit/verify/report.ts';
import { checkoutPaths, inCheckout } from './checkout.ts';
import { readInput } from '../terminal/inputs.ts';
import { checkKit, sayReport } from './kit-check.ts';
import { prepareReport, type ReportOptions } from './kit-report.ts';
import { printJson, say, warn } from '../terminal/terminal.ts';
import { addTrustOptions, collect, readTrust, type TrustOptions } from './trust-options.ts';

interface VerifyVerbOptions extends TrustOptions, ReportOptions {
  readonly integrityOnly?: boolean;
  readonly logState?: string;
  readonly allowOlder?: boolean;
}

export function define(command: Command): void {
  const withKit = command.argument('[kit]', 'the kit, or - for standard input (in a checkout: the newest kit here, with the trust of this checkout)');
  addTrustOptions(withKit)
    .option('--integrity-only', 'without a key: check that the kit is whole, not who made it')
    .option('--log-state <file>', 'what this site accepted before: refuse a kit whose release log does not extend it, or that is older; kept up to date when the kit holds')
    .option('--allow-older', 'with --log-state: accept a kit that is older than the newest one accepted')
    .option('--report <file>', 'write the receiving inspection to FILE.html, a page, or FILE.json; can be given twice', collect)
    .option('--previous <kit>', 'with --report: the kit that was accepted before, to show what differs')
    .option('--json', 'print the report as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExamples:\n  npm run verify\n  zastava kit verify zastava-runtime-1.0.0.tar.zst --key trust/zastava-runtime.pub\n  zastava kit verify KIT --trusted-root trusted_root.json --certificate-identity https://zastava.example/kit/release\n  zastava kit verify KIT --key release.pub --key auditor.pub --signature KIT.sig --signature auditor.sig --require 2\n  zastava kit verify - --key zastava-runtime.pub --bundle kit.sigstore.json < /dev/st0\n  zastava kit verify KIT --key zastava-runtime.pub --report inspection.html --previous accepted/KIT')
    .action(verify);
}

async function verify(kit: string | undefined, options: VerifyVerbOptions): Promise<void> {
  if (options.allowOlder === true && options.logState === undefined) throw new ZastavaError('usage', '--allow-older needs --log-state: what was accepted here before');
  const here = kit === undefined ? await newestHere() : undefined;
  const path = kit ?? here?.path ?? '';
  if (here !== undefined) warn(`checking the newest kit here, ${here.path}, with the trust of this checkout, ${here.key}; a development key is allowed. That proves nothing to anybody else.`);
  const { trust, signatures } = await readTrust(path, here === undefined ? options : { ...options, key: options.key ?? [here.key], trustedRoot: options.trustedRoot ?? here.trustedRoot, allowDevelopment: true });
  const inspection = prepareReport(options);
  let accepted: LogState | undefined;
  const logState = options.logState === undefined ? undefined : { state: await readLogState(options.logState), allowOlder: options.allowOlder === true, onAccepted: (state: LogState) => (accepted = state) };
  const report = await checkKit(path, { ...trust, logState, ...(inspection && { onContents: inspection.onContents }), ...(options.integrityOnly === true && { integrityOnly: true }) }, options, signatures);
  if (report.ok && accepted !== undefined && options.logState !== undefined) await writeLogState(options.logState, accepted);
  if (report.ok && accepted !== undefined) sayIfOlder(report, accepted);
  await inspection?.write(path, report, trust.certificate?.identity);
  say(options, path);
  sayReport(options, report);
  printJson(options, report);
}

/** The newest one stays when another was allowed. */
function sayIfOlder({ kit }: VerifyReport, { newest }: LogState): void {
  if (kit === null || (kit.version === newest.version && kit.signedAt === newest.signedAt)) return;
  warn(`OLDER KIT: ${kit.version} of ${kit.signedAt} is accepted as --allow-older asks, though ${newest.version} of ${newest.signedAt} was accepted here before. What was corrected since is not in it.`);
}

async function newestHere(): Promise<{ path: string; key: string; trustedRoot: string }> {
  if (!inCheckout()) throw new ZastavaError('usage', 'no kit was named, and this is no checkout that could have one; give the kit: zastava kit verify KIT --key PUB');
  const names = (await readdir(checkoutPaths.kits)).filter((name) => name.endsWith(kitSuffixes.archive));
  const kits = await Promise.all(names.map(async (name) => ({ path: join(checkoutPaths.kits, name), madeMs: (await stat(join(checkoutPaths.kits, name))).mtimeMs })));
  const [newest] = kits.sort((a, b) => b.madeMs - a.madeMs);
  if (newest === undefined) throw new ZastavaError('environment', `there is no kit in ${checkoutPaths.kits}/; build one: npm run kit`);
  const { name } = parseRecipe(await readInput(checkoutPaths.recipe, 'recipe'), checkoutPaths.recipe);
  return { path: newest.path, key: join(checkoutPaths.kits, 'trust', `${name}.pub`), trustedRoot: join(checkoutPaths.kits, 'trust', 'trusted_root.json') };
}
