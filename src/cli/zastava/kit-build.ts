/** `zastava kit build`: values → images → manifests → signed kit, opened again before it is called done. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { parseImagesLock } from '../../config/parse-images-lock.ts';
import { parseValues } from '../../config/parse-values.ts';
import { buildImages } from '../../images/build-images.ts';
import { bundleProgram } from '../../images/bundle-program.ts';
import type { BuiltImage } from '../../images/image.ts';
import { renderImagesLock } from '../../images/images-lock.ts';
import { assembleKit } from '../../kit/assemble-kit.ts';
import { parseSigner, provideDevelopmentKey, type Signer } from '../../kit/keys.ts';
import { parseRecipe, type KitRecipe } from '../../kit/recipe.ts';
import { signKit } from '../../kit/sign-kit.ts';
import { writeTrust } from '../../kit/trust.ts';
import { renderArtifacts } from '../../synth/render-artifacts.ts';
import { checkoutPaths, requireCheckout } from './checkout.ts';
import { renderCommittedFiles } from './committed-files.ts';
import { readInput, removeStaleManifests, writeFiles } from './files.ts';
import { ImageProgressBar } from './image-progress.ts';
import { checkKit, sayReport } from './kit-check.ts';
import { printJson, say, startProgress, type OutputOptions } from './terminal.ts';

interface BuildOptions extends OutputOptions {
  readonly values: string;
  readonly version: string;
  readonly key?: string;
  readonly signingTime?: string;
  readonly packages?: string;
  readonly out: string;
}

/** Where a passphrase of an encrypted key comes from; never the command line, which other users see. */
const passphraseVariable = 'ZASTAVA_KEY_PASSPHRASE';

export function addKitBuild(parent: Command): void {
  parent
    .command('build')
    .description('Builds both images, renders the manifests, and seals everything into one signed and verified kit.')
    .option('--values <file>', 'the values file', checkoutPaths.values)
    .option('--version <version>', 'the version of the kit, also the tag of its images', packageJson.version)
    .option('--key <file>', `private key, ECDSA P-256 in PEM; if encrypted, its passphrase in ${passphraseVariable} (default: a development key, made once in .keys/)`)
    .option('--signing-time <time>', 'UTC, such as 2026-11-24T00:00:00Z; the same key and time give the same bytes (default: now)')
    .option('--packages <dir>', 'a folder with the locked .deb files and Node tarballs, for a machine without apt or network')
    .option('--out <dir>', 'where the kit goes, with its public key in trust/', checkoutPaths.kits)
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nExamples:\n  npm run kit\n  npm run kit -- --version 1.2.0 --key release.pem --signing-time 2026-11-24T00:00:00Z\n  npm run kit -- --values site-a.yaml --out out/site-a')
    .action(buildKit);
}

async function buildKit(options: BuildOptions): Promise<void> {
  requireCheckout('kit build');
  const recipe = parseRecipe(await readInput(checkoutPaths.recipe, 'recipe'), checkoutPaths.recipe);
  const valuesText = await readInput(options.values, 'values file');
  const values = parseValues(valuesText, options.values);
  const signer = await readSigner(options.key);

  const images = await buildAllImages(recipe, options);
  const imagesLock = renderImagesLock(images);
  const artifacts = renderArtifacts(values, parseImagesLock(imagesLock, checkoutPaths.imagesLock));
  const files = new Map<string, string | Uint8Array>([
    ...renderCommittedFiles(),
    [checkoutPaths.imagesLock, imagesLock],
    ...[...artifacts].map(([path, content]) => [join(checkoutPaths.dist, path), content] as const),
  ]);
  await writeFiles('.', files);
  await removeStaleManifests(checkoutPaths.dist, artifacts.keys());

  const sources = new Map([...files].map(([path, content]) => [path, Buffer.from(content)]));
  sources.set(checkoutPaths.values, Buffer.from(valuesText));
  sources.set(checkoutPaths.cli, Buffer.from(await bundleCli()));
  const progress = startProgress(options, 'sealing the kit');
  const kit = await assembleKit({
    recipe, images, sources, signer,
    root: '.', version: options.version, registry: values.zastava.images.registry,
    signedAt: options.signingTime ?? `${new Date().toISOString().slice(0, 19)}Z`,
    to: options.out, onProgress: (done, total) => progress.update(done, total),
  }).finally(() => progress.stop());
  const beside = await signKit(kit.path, kit.sha256, signer);
  const trust = await writeTrust(join(options.out, 'trust'), recipe.name, signer);

  const report = await checkKit(kit.path, { keyPem: signer.publicKeyPem, allowDevelopment: signer.kind === 'development' }, options);
  sayReport(options, report);
  say(options, kit.path, beside.signature, beside.bundle, `${trust.publicKey} (carry it another way than the kit)`);
  printJson(options, { ok: report.ok, kit: kit.path, sha256: kit.sha256, bytes: kit.bytes, ...beside, trust, signer: { kind: signer.kind, keyId: signer.keyId } });
}

async function readSigner(path: string | undefined): Promise<Signer> {
  if (path === undefined) return provideDevelopmentKey(checkoutPaths.developmentKey);
  return parseSigner(await readInput(path, 'signing key'), path, () => process.env[passphraseVariable]);
}

async function buildAllImages(recipe: KitRecipe, options: BuildOptions): Promise<BuiltImage[]> {
  const progress = new ImageProgressBar(options);
  try {
    return await buildImages(recipe.images.map((image) => ({ ...image, version: packageJson.version })), {
      root: '.',
      baseLock: await readFile(checkoutPaths.baseLock, 'utf8'),
      epochSeconds: recipe.epoch,
      ...(options.packages !== undefined && { packagesFrom: options.packages }),
      onProgress: (event) => progress.show(event),
    });
  } finally {
    progress.stop();
  }
}

/** esbuild is native and stays outside: only `kit build`, which needs a checkout anyway, loads it. */
function bundleCli(): Promise<Uint8Array> {
  return bundleProgram({ root: '.', entry: 'src/cli/zastava/main.ts', outfile: checkoutPaths.cli, external: ['esbuild'] });
}
