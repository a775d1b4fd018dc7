/** What a kit is made of, before anybody signs: values → images → manifests → files, all written to the checkout on the way. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { parseImagesLock } from '../../config/parse-images-lock.ts';
import { parseValues } from '../../config/parse-values.ts';
import { buildImages, type BuildOptions } from '../../images/build-images.ts';
import { collectDebugFiles } from '../../images/debug-files.ts';
import { bundleProgram } from '../../images/bundle-program.ts';
import type { BuiltImage } from '../../images/image.ts';
import { renderImagesLock } from '../../images/images-lock.ts';
import type { KitPlan } from '../../kit/assemble-kit.ts';
import { parseRecipe, type KitRecipe } from '../../kit/recipe.ts';
import { renderGitops } from '../../synth/gitops/render-gitops.ts';
import { renderArtifacts } from '../../synth/render-artifacts.ts';
import { checkoutPaths, readCommit } from './checkout.ts';
import { renderCommittedFiles } from './committed-files.ts';
import { readInput } from '../terminal/inputs.ts';
import { removeStaleManifests, writeFiles } from './files.ts';
import { ImageProgressBar } from './image-progress.ts';
import type { OutputOptions } from '../terminal/terminal.ts';

export interface InputOptions extends OutputOptions {
  readonly values: string;
  readonly version: string;
  readonly packages?: string;
  readonly commit?: string;
  readonly builder: string;
  readonly out: string;
  readonly debugDir?: readonly string[];
}

/** Everything of a plan but who signs it, and when. */
export type KitInputs = Omit<KitPlan, 'notary'>;

export async function buildInputs(options: InputOptions): Promise<KitInputs> {
  const recipe = parseRecipe(await readInput(checkoutPaths.recipe, 'recipe'), checkoutPaths.recipe);
  const valuesText = await readInput(options.values, 'values file');
  const values = parseValues(valuesText, options.values);
  const commit = options.commit ?? readCommit();

  const images = await buildAllImages(recipe, options);
  const imagesLock = renderImagesLock(images);
  const lock = parseImagesLock(imagesLock, checkoutPaths.imagesLock);
  const artifacts = renderArtifacts(values, lock);
  const files = new Map<string, string | Uint8Array>([
    ...renderCommittedFiles(lock, packageJson.version),
    [checkoutPaths.imagesLock, imagesLock],
    ...[...artifacts, ...renderGitops(values, options.version)].map(([path, content]) => [join(checkoutPaths.dist, path), content] as const),
  ]);
  await writeFiles('.', files);
  await removeStaleManifests(checkoutPaths.dist, artifacts.keys());

  const sources = new Map([...files].map(([path, content]) => [path, Buffer.from(content)]));
  sources.set(checkoutPaths.values, Buffer.from(valuesText));
  // A kit's chart has the version of the kit, the committed one that of the sources.
  for (const [path, text] of renderCommittedFiles(lock, options.version)) sources.set(path, Buffer.from(text));
  for (const [entry, outfile] of [['src/cli/zastava/main.ts', checkoutPaths.cli], ['src/cli/stellaops/main.ts', checkoutPaths.operatorCli]] as const) {
    sources.set(outfile, Buffer.from(await bundleCli(entry, outfile)));
  }
  const ofImages = await collectDebugFiles(await imageInputs(options));
  return {
    recipe, images, sources, debug: { ofImages, folders: options.debugDir ?? [] },
    root: '.', to: options.out, version: options.version, registry: values.zastava.images.registry,
    provenance: { builderId: options.builder, ...(commit !== undefined && { commit }) },
  };
}

async function buildAllImages(recipe: KitRecipe, options: InputOptions): Promise<BuiltImage[]> {
  const progress = new ImageProgressBar(options);
  try {
    return await buildImages(recipe.images.map((image) => ({ ...image, version: packageJson.version })), {
      ...await imageInputs(options),
      epochSeconds: recipe.epoch,
      onProgress: (event) => progress.show(event),
    });
  } finally {
    progress.stop();
  }
}

async function imageInputs({ packages }: InputOptions): Promise<Pick<BuildOptions, 'root' | 'baseLock' | 'packagesFrom'>> {
  return { root: '.', baseLock: await readFile(checkoutPaths.baseLock, 'utf8'), ...(packages !== undefined && { packagesFrom: packages }) };
}

/** esbuild is native and stays outside: only building a kit, which needs a checkout anyway, loads it. */
function bundleCli(entry: string, outfile: string): Promise<Uint8Array> {
  return bundleProgram({ root: '.', entry, outfile, external: ['esbuild'] });
}
