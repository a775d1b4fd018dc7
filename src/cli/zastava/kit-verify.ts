/** `zastava kit verify`: one pass over a kit against a public key that the caller has from elsewhere. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ZastavaError } from '../../contract/errors.ts';
import { kitSuffixes } from '../../contract/kit-format.ts';
import { readLogState, writeLogState, type LogState } from '../../kit/log-state.ts';
import { openRevocations } from '../../kit/open-kit.ts';
import { parseRecipe } from '../../kit/recipe.ts';
import { checkoutPaths, inCheckout } from './checkout.ts';
import { readInput } from './files.ts';
import { checkKit, sayReport, type KitTrust } from './kit-check.ts';
import { prepareReport, type ReportOptions } from './kit-report.ts';
import { printJson, say, warn, type OutputOptions } from './terminal.ts';

export interface TrustOptions extends OutputOptions {
  readonly key?: string;
  readonly allowDevelopment?: boolean;
}

interface VerifyVerbOptions extends OutputOptions, ReportOptions {
  readonly key?: readonly string[];
  readonly allowDevelopment?: boolean;
  readonly bundle?: readonly string[];
  readonly signature?: readonly string[];
  readonly certificateIdentity?: string;
  readonly trustedRoot?: string;
  readonly certificate?: string;
  readonly require?: number;
  readonly revocations?: string;
  readonly integrityOnly?: boolean;
  readonly logState?: string;
  readonly allowOlder?: boolean;
}

export function define(command: Command): void {
  command
    .argument('[kit]', 'the kit, or - for standard input (in a checkout: the newest kit here, with the trust of this checkout)')
    .option('--key <file>', 'public key in PEM, which came another way than the kit; again for each further key that is trusted', collect)
    .option('--certificate-identity <name>', 'the signer by certificate: its whole URI or e-mail address; * stands for any characters but "/" and "@"')
    .option('--trusted-root <file>', 'trusted_root.json, which came another way than the kit: the authorities of certificates, and the release log')
    .option('--certificate <file>', "the signer's certificate in PEM (default: the one in the certificate bundle beside the kit)")
    .option('--bundle <file>', 'sigstore bundle (default: beside the kit); again for each further signer', collect)
    .option('--signature <file>', 'base64 signature (default: beside the kit); again for each further signer', collect)
    .option('--require <number>', 'how many different keys must have signed the kit (default: 1)', parseCount)
    .option('--revocations <file>', 'a list of revoked keys, with its signature beside it (.sig or .sigstore.json)')
    .option('--allow-development', 'accept a kit that is signed by a development key')
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
  const here = kit === undefined ? await newestHere() : undefined;
  const path = kit ?? here?.path ?? '';
  if (here !== undefined) warn(`checking the newest kit here, ${here.path}, with the trust of this checkout, ${here.key}; a development key is allowed. That proves nothing to anybody else.`);
  const trust = await readVerifyTrust(here === undefined ? options : { ...options, key: options.key ?? [here.key], trustedRoot: options.trustedRoot ?? here.trustedRoot, allowDevelopment: true });
  const [bundle, ...bundles] = options.bundle ?? [];
  const [signature, ...signatures] = options.signature ?? [];
  const inspection = prepareReport(options);
  let accepted: LogState | undefined;
  const logState = options.logState === undefined ? undefined : { state: await readLogState(options.logState), allowOlder: options.allowOlder === true, onAccepted: (state: LogState) => (accepted = state) };
  const report = await checkKit(path, { ...trust, logState, ...(inspection && { onContents: inspection.onContents }), ...(options.integrityOnly === true && { integrityOnly: true }) }, options, { bundle, signature, others: [...bundles, ...signatures] });
  if (report.ok && accepted !== undefined && options.logState !== undefined) await writeLogState(options.logState, accepted);
  if (options.allowOlder === true) warn('--allow-older: a kit that is older than the newest one accepted here is not refused');
  await inspection?.write(path, report, trust.certificate?.identity);
  say(options, path);
  sayReport(options, report);
  printJson(options, report);
}

async function readVerifyTrust({ key = [], certificate, certificateIdentity, trustedRoot, require, revocations, allowDevelopment }: VerifyVerbOptions): Promise<KitTrust> {
  if (certificateIdentity !== undefined && trustedRoot === undefined) throw new ZastavaError('usage', '--certificate-identity needs --trusted-root: which authorities may say who signed');
  if (certificate !== undefined && certificateIdentity === undefined) throw new ZastavaError('usage', '--certificate needs --certificate-identity and --trusted-root: a certificate alone says nothing about whom to trust');
  const trustedRootJson = trustedRoot === undefined ? undefined : await readInput(trustedRoot, 'trusted root');
  const [keyPem = null, ...otherKeyPems] = await Promise.all(key.map((path) => readInput(path, 'public key')));
  return {
    keyPem,
    otherKeyPems,
    allowDevelopment: allowDevelopment === true,
    require,
    trustedRoot: trustedRootJson,
    ...(certificateIdentity !== undefined && trustedRootJson !== undefined && {
      certificate: {
        identity: certificateIdentity,
        trustedRootJson,
        certificatePem: certificate === undefined ? undefined : await readInput(certificate, 'certificate'),
      },
    }),
    ...(revocations !== undefined && { revocations: await openRevocations(revocations) }),
  };
}

/** An option that may be given again. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function parseCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new ZastavaError('usage', `--require is a number of keys, 1 to 99, found ${JSON.stringify(text)}`);
}

/** The public key that the caller names. */
export async function readTrust(options: TrustOptions): Promise<KitTrust> {
  const keyPem = options.key === undefined ? null : await readInput(options.key, 'public key');
  return { keyPem, allowDevelopment: options.allowDevelopment === true };
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
