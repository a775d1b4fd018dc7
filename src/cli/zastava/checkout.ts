/** What of this repository the verbs need. The one-file CLI outside a checkout has none of it, and says so. */
import { existsSync } from 'node:fs';
import { ZastavaError } from '../../contract/errors.ts';

/** Paths below the checkout, which is the current folder: npm runs its scripts there. */
export const checkoutPaths = {
  recipe: 'offline-kit/kit.yaml',
  values: 'offline-kit/zastava-runtime.values.yaml',
  valuesSchema: 'offline-kit/zastava-runtime.values.schema.json',
  baseLock: 'offline-kit/base.lock.json',
  imagesLock: 'offline-kit/images.lock.json',
  kits: 'offline-kit',
  developmentKey: '.keys/development.key.pem',
  dist: 'dist',
  cli: 'dist/cli/zastava.mjs',
} as const;

export function inCheckout(): boolean {
  return existsSync(checkoutPaths.recipe) && existsSync('src/contract');
}

/** @throws ZastavaError `environment` outside a checkout. */
export function requireCheckout(verb: string): void {
  if (inCheckout()) return;
  throw new ZastavaError('environment', `${verb} works in a checkout of the repository only, since it bundles its sources: expected ${checkoutPaths.recipe} in the current folder, found none; run it where package.json is`);
}
