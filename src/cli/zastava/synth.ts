/** `zastava synth`: values and image digests → manifests, objects for GitOps controllers and, in a checkout, the files that are committed. */
import { join } from 'node:path';
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { parseValues } from '../../config/parse-values.ts';
import { parseImagesLock } from '../../config/parse-images-lock.ts';
import { renderGitops } from '../../synth/gitops/render-gitops.ts';
import { renderArtifacts } from '../../synth/render-artifacts.ts';
import { checkoutPaths, inCheckout } from './checkout.ts';
import { renderCommittedFiles } from './committed-files.ts';
import { readInput } from '../terminal/inputs.ts';
import { removeStaleManifests, writeFiles } from './files.ts';
import { printJson, say, type OutputOptions } from '../terminal/terminal.ts';

interface SynthOptions extends OutputOptions {
  readonly values: string;
  readonly images: string;
  readonly out?: string;
}

export function define(command: Command): void {
  command
    .option('--values <file>', 'the values file', checkoutPaths.values)
    .option('--images <file>', 'the image digests', checkoutPaths.imagesLock)
    .option('--out <dir>', `where manifests/ and gitops/ go (default: ${checkoutPaths.dist}, and what is committed of it to docs/ops, offline-kit and deploy/helm)`)
    .option('--json', 'print the files written as JSON')
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', '\nExamples:\n  npm run synth\n  npm run synth -- --values site-a.yaml --out out/site-a\n  node zastava.mjs synth --values zastava-runtime.values.yaml --images images.lock.json --out .')
    .action(synth);
}

async function synth(options: SynthOptions): Promise<void> {
  const values = parseValues(await readInput(options.values, 'values file'), options.values);
  const images = parseImagesLock(await readInput(options.images, 'list of image digests'), options.images);
  const out = options.out ?? checkoutPaths.dist;
  const artifacts = renderArtifacts(values, images);
  const gitops = renderGitops(values, packageJson.version);
  await writeFiles(out, new Map([...artifacts, ...gitops]));
  // Only dist/ is ours alone: elsewhere nothing is removed, and what is committed is in the kit already.
  const ours = options.out === undefined;
  if (ours) await removeStaleManifests(out, artifacts.keys());
  const committed = ours && inCheckout() ? renderCommittedFiles(images, packageJson.version) : new Map<string, string>();
  await writeFiles('.', committed);
  const written = [...[...artifacts.keys(), ...gitops.keys()].map((path) => join(out, path)), ...committed.keys()];
  say(options, ...written);
  printJson(options, { ok: true, written });
}
