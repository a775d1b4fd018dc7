/** What of this repository the verbs need. The one-file CLI outside a checkout has none of it, and says so. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ZastavaError } from '../../contract/errors.ts';

/** Paths below the checkout, which is the current folder: npm runs its scripts there. */
export const checkoutPaths = {
  recipe: 'offline-kit/kit.yaml',
  values: 'offline-kit/zastava-runtime.values.yaml',
  valuesSchema: 'offline-kit/zastava-runtime.values.schema.json',
  baseLock: 'offline-kit/base.lock.json',
  imagesLock: 'offline-kit/images.lock.json',
  releaseLog: 'offline-kit/release-log',
  kits: 'offline-kit',
  developmentKey: '.keys/development.key.pem',
  developmentCertificate: '.keys/development.cert.pem',
  chart: 'deploy/helm/zastava',
  dist: 'dist',
  cli: 'dist/cli/zastava.mjs',
  operatorCli: 'dist/cli/stellaops-cli.mjs',
} as const;

export function inCheckout(): boolean {
  return existsSync(checkoutPaths.recipe) && existsSync('src/contract');
}

/** @throws ZastavaError `environment` outside a checkout. */
export function requireCheckout(verb: string): void {
  if (inCheckout()) return;
  throw new ZastavaError('environment', `${verb} works in a checkout of the repository only, since it bundles its sources: expected ${checkoutPaths.recipe} in the current folder, found none; run it where package.json is`);
}

/** The commit that is checked out, when nothing was changed since; a changed tree is no commit, and the provenance names none. */
export function readCommit(): string | undefined {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  return git('status', '--porcelain', '--untracked-files=no') === '' ? git('rev-parse', 'HEAD') : undefined;
}
