/** What `kit build` and `kit release` have in common: from options to a sealed, signed and verified kit. */
import { join } from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { ZastavaError } from '../../contract/errors.ts';
import { kitSuffixes } from '../../contract/kit-format.ts';
import { assembleKit } from '../../kit/assemble-kit.ts';
import { provideDevelopmentCertificate } from '../../kit/certificates/development-certificate.ts';
import { parseSigningCertificate, type SigningCertificate } from '../../kit/certificates/signing-certificate.ts';
import type { DeferredSigner } from '../../kit/keys/deferred-signer.ts';
import { buildWithRequests, requestsFolder } from '../../kit/keys/signing-requests.ts';
import { parseSigner, provideDevelopmentKey, type Signer } from '../../kit/keys.ts';
import type { ReleaseLog } from '../../kit/log/release-log.ts';
import type { Notary } from '../../kit/notary.ts';
import { signKit, type KitSignatures } from '../../kit/sign-kit.ts';
import { writeTrust, type TrustFiles } from '../../kit/trust.ts';
import type { VerifyReport } from '../../kit/verify/report.ts';
import { checkoutPaths } from './checkout.ts';
import { readInput } from '../terminal/inputs.ts';
import { checkKit, sayReport } from './kit-check.ts';
import { buildInputs, type InputOptions, type KitInputs } from './kit-inputs.ts';
import { printJson, say, startProgress, type OutputOptions } from '../terminal/terminal.ts';
import { collect } from './trust-options.ts';

export interface SealOptions extends InputOptions {
  readonly key?: string;
  readonly unsigned?: boolean;
  readonly cert?: string;
  readonly chain?: string;
  readonly signingTime?: string;
}

/** Where passphrases come from; never the command line, which other users see. The second is cosign's. */
const passphraseVariables = ['ZASTAVA_KEY_PASSPHRASE', 'COSIGN_PASSWORD'] as const;

/** Who built, in the provenance, when nobody says otherwise. */
const localBuilder = 'https://docs.internal/zastava-runtime/local-build';

export function addSealOptions(command: Command): Command {
  return command
    .option('--values <file>', 'the values file', checkoutPaths.values)
    .option('--version <version>', 'the version of the kit, also the tag of its images', packageJson.version)
    .option('--key <file>', `private key, ECDSA P-256: PEM, or as cosign encrypts it; passphrase in ${passphraseVariables.join(' or ')} (default: a development key, made once in .keys/)`)
    .option('--unsigned', 'the key is elsewhere, and --key its public key: leave what is to be signed in KIT.to-sign/, for kit sign')
    .option('--cert <file>', 'certificate of the key in PEM (with a development key: one is made)')
    .option('--chain <file>', 'the authorities behind it in PEM, issuer first, when they are not in the same file')
    .option('--signing-time <time>', 'UTC, such as 2026-11-24T00:00:00Z; the same key and time give the same bytes (default: now)')
    .option('--commit <id>', 'commit for the provenance (default: the one checked out, if nothing was changed)')
    .option('--builder <uri>', 'who builds, for the provenance', localBuilder)
    .option('--packages <dir>', 'a folder with the locked .deb files and Node tarballs, for a machine without apt or network')
    .option('--debug-dir <dir>', "a folder with more symbols for the kit's debug store, .build-id/<aa>/<rest>.debug; again for each further one", collect)
    .option('--out <dir>', 'where the kit goes, with its trust in trust/', checkoutPaths.kits)
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'print nothing but errors and warnings');
}

/**
 * Builds, seals, signs and verifies; `logFor` gives the log to write the signatures down in. With `--unsigned`, a round that
 * still lacks signatures says what is to be signed, and gives undefined.
 */
export async function sealAndCheck(options: SealOptions, logFor: (signer: Signer | 'elsewhere') => Promise<ReleaseLog>): Promise<CheckedKit | undefined> {
  const signer = await readSigner(options);
  const log = await logFor(signer);
  const inputs = await buildInputs(options);
  const signedAt = options.signingTime ?? `${new Date().toISOString().slice(0, 19)}Z`;
  if (signer !== 'elsewhere') return check(options, await seal(inputs, { signer, log, signedAt }, options));

  const path = join(inputs.to, `${inputs.recipe.name}-${inputs.version}${kitSuffixes.archive}`);
  const publicKeyPem = await readInput(options.key ?? '', 'public key');
  const sealed = await buildWithRequests({ folder: requestsFolder(path), publicKeyPem, signedAt }, (deferred, time) => seal(inputs, { signer: deferred, log, signedAt: time }, options, deferred.demand));
  if (!('pending' in sealed)) return check(options, sealed);
  say(options, 'to sign, 32 bytes each, then kit sign, then this command again:', ...sealed.pending.map((file) => `  ${file}`));
  printJson(options, { ok: true, pending: sealed.pending });
  return undefined;
}

/** @throws ZastavaError `usage` for options that do not go together. */
async function readSigner({ key, unsigned, cert, chain }: SealOptions): Promise<Signer | 'elsewhere'> {
  if (unsigned && key === undefined) throw new ZastavaError('usage', '--unsigned needs --key PUB, the public key of the key that will sign');
  if (chain !== undefined && cert === undefined) throw new ZastavaError('usage', '--chain needs --cert, the certificate that it is behind');
  if (cert !== undefined && key === undefined) throw new ZastavaError('usage', '--cert needs --key, the key that it is of');
  if (unsigned) return 'elsewhere';
  if (key === undefined) return provideDevelopmentKey(checkoutPaths.developmentKey);
  return readKey(key);
}

/** A private key, whose passphrase is in the environment when it needs one. */
export async function readKey(path: string): Promise<Signer> {
  return parseSigner(await readInput(path, 'signing key'), path, () => passphraseVariables.map((name) => process.env[name]).find((value) => value !== undefined));
}

/** A key of a release may be without certificate; a development key gets one, so that both ways can be tried. */
async function readCertificate({ cert, chain }: SealOptions, { signer, signedAt }: Notary): Promise<SigningCertificate | undefined> {
  if (cert !== undefined) return parseSigningCertificate(await readInput(cert, 'certificate'), chain === undefined ? '' : await readInput(chain, 'chain'), signer, new Date(signedAt));
  return signer.kind === 'development' ? provideDevelopmentCertificate(checkoutPaths.developmentCertificate, signer) : undefined;
}

interface SealedKit {
  readonly notary: Notary;
  readonly certificate: SigningCertificate | undefined;
  readonly kit: { readonly path: string; readonly sha256: string; readonly bytes: number };
  readonly beside: KitSignatures;
  readonly trust: TrustFiles;
}

export interface CheckedKit extends SealedKit {
  readonly report: VerifyReport;
}

/** `demand` stops before an archive is signed whose signature is still to be made elsewhere. */
async function seal(inputs: KitInputs, notary: Notary, options: SealOptions, demand?: DeferredSigner['demand']): Promise<SealedKit> {
  const certificate = await readCertificate(options, notary);
  const progress = startProgress(options, 'sealing the kit');
  const kit = await assembleKit({ ...inputs, notary, onProgress: (done, total) => progress.update(done, total) }).finally(() => progress.stop());
  demand?.(Buffer.from(kit.sha256, 'hex'));
  const beside = await signKit({ ...kit, name: inputs.recipe.name }, notary, certificate);
  const trust = await writeTrust(join(inputs.to, 'trust'), inputs.recipe.name, notary, certificate);
  return { notary, certificate, kit, beside, trust };
}

/** Opens what was built as a site would. */
async function check(options: OutputOptions, sealed: SealedKit): Promise<CheckedKit> {
  const { notary: { signer }, certificate, kit, trust } = sealed;
  const trustedRoot = await readInput(trust.trustedRoot, 'trusted root');
  const report = await checkKit(kit.path, {
    keyPem: signer.publicKeyPem,
    trustedRoot,
    allowDevelopment: signer.kind === 'development',
    ...(certificate !== undefined && { certificate: { identity: certificate.identity, trustedRootJson: trustedRoot } }),
  }, options);
  return { ...sealed, report };
}

/** What was checked, and where it all lies; sets the exit code. */
export function sayKit(options: OutputOptions, { notary: { signer }, certificate, kit, beside, trust, report }: CheckedKit): void {
  sayReport(options, report);
  say(options, kit.path, ...Object.values(beside), ...Object.values(trust).map((path) => `${path} (carry it another way than the kit)`));
  printJson(options, { ok: report.ok, kit: kit.path, sha256: kit.sha256, bytes: kit.bytes, ...beside, trust, identity: certificate?.identity ?? null, signer: { kind: signer.kind, keyId: signer.keyId } });
}
