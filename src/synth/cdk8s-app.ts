/**
 * The app of cdk8s.yaml: `cdk8s synth` empties its output folder, names it in CDK8S_OUTDIR and runs this, which writes
 * the same bytes there as `npm run synth` does. Values and digests are the ones of the checkout.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseImagesLock } from '../config/parse-images-lock.ts';
import { parseValues } from '../config/parse-values.ts';
import { ZastavaError } from '../contract/errors.ts';
import { renderArtifacts } from './render-artifacts.ts';

const inputs = { values: 'offline-kit/zastava-runtime.values.yaml', images: 'offline-kit/images.lock.json' };

try {
  const values = parseValues(readFileSync(inputs.values, 'utf8'), inputs.values);
  const images = parseImagesLock(readFileSync(inputs.images, 'utf8'), inputs.images);
  const outdir = process.env['CDK8S_OUTDIR'] ?? 'dist/manifests';
  mkdirSync(outdir, { recursive: true });
  for (const [path, content] of renderArtifacts(values, images)) writeFileSync(join(outdir, basename(path)), content);
} catch (error) {
  if (!(error instanceof ZastavaError)) throw error;
  console.error(error.message);
  for (const { where, expected, found } of error.problems) console.error(`  ${where}: expected ${expected}, found ${found}`);
  process.exit(error.exitCode);
}
