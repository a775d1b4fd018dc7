/** images.lock.json → ImagesLock: the digests that manifests name the images by. */
import * as z from 'zod';
import { ZastavaError } from '../contract/errors.ts';
import type { ImagesLock } from '../contract/images-lock.ts';
import type { Digest } from '../contract/oci.ts';

const digest = z.custom<Digest>((value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value), { error: 'sha256: and 64 hex digits' });

const image = z.strictObject({
  index: digest,
  platforms: z.strictObject({ 'linux/amd64': digest, 'linux/arm64': digest }),
});

const schema = z.strictObject({ images: z.strictObject({ observer: image, webhook: image }) });

/** @throws ZastavaError `images.lock-invalid` with all problems; `source` is how it names the text */
export function parseImagesLock(text: string, source: string): ImagesLock {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new ZastavaError('images.lock-invalid', `${source} is not JSON; run the build to write it again`, { cause });
  }
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => ({ where: path.join('.') || 'the file', expected: message, found: 'something else' }));
  throw new ZastavaError('images.lock-invalid', `${source} does not name the digests of both images; run the build to write it again`, { problems });
}
