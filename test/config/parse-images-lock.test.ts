/** The list of image digests, as manifests take it. */
import { expect, test } from 'vitest';
import { parseImagesLock } from '../../src/config/parse-images-lock.ts';
import { ZastavaError } from '../../src/contract/errors.ts';
import { placeholderImages } from '../fakes/value-sets.ts';

function errorOf(text: string): ZastavaError {
  try {
    parseImagesLock(text, 'images.lock.json');
  } catch (error) {
    return error as ZastavaError;
  }
  throw new Error('the lock was accepted');
}

test('a lock with both images is read as it is', () => {
  expect(parseImagesLock(JSON.stringify(placeholderImages), 'images.lock.json')).toEqual(placeholderImages);
});

test('a lock without an image, with a short digest or a key too many is refused with every place', () => {
  const { observer } = placeholderImages.images;
  const error = errorOf(JSON.stringify({ images: { observer: { ...observer, index: 'sha256:abc', tag: '1.0.0' } } }));
  expect(error).toMatchObject({ code: 'images.lock-invalid', exitCode: 2 });
  expect(error.problems.map(({ where }) => where).sort()).toEqual(['images.observer', 'images.observer.index', 'images.webhook']);
});

test('a lock that is no JSON is refused', () => {
  expect(errorOf('{')).toMatchObject({ code: 'images.lock-invalid' });
});
