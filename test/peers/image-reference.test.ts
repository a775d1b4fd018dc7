/** Our reader of image references against github.com/distribution/reference, which is containerd's: the same names, and the same refusals. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseImageReference } from '../../src/bytes/image-reference.ts';
import published from '../bytes/image-reference-vectors.json' with { type: 'json' };
import { describeWith, peer } from './harness/peers.ts';

function readByPeer(texts: readonly string[]): unknown[] {
  const input = texts.map((text) => `${JSON.stringify(text)}\n`).join('');
  return execFileSync(peer('reference'), { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).trim().split('\n').map((line) => JSON.parse(line) as unknown);
}

const readByUs = (texts: readonly string[]) => texts.map((text) => parseImageReference(text) ?? null);

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const word = fc.stringMatching(/^[a-zA-Z0-9._-]{1,6}$/);
const plain = fc.stringMatching(/^[a-z0-9]{1,4}([._-][a-z0-9]{1,3}|__x|--x|_-x|\.\.x)?$/);
const host = fc.oneof(
  fc.constantFrom('docker.io', 'index.docker.io', 'localhost', 'LOCALHOST', 'a_b.io', '[::1]', '[2001:db8::1]:5000', '[fe80::1%eth0]', '1.2.3.4:80', 'Foo', 'é.io'),
  fc.tuple(word, fc.constantFrom('', '.io', ':5000', ':', ':x')).map((parts) => parts.join('')),
);
const digest = fc.oneof(
  { weight: 6, arbitrary: hex(64).map((text) => `sha256:${text}`) }, hex(63).map((text) => `sha256:${text}`), hex(96).map((text) => `sha384:${text}`),
  hex(128).map((text) => `sha512:${text}`), hex(64).map((text) => `sha256:${text.toUpperCase()}`), hex(32).map((text) => `md5:${text}`), word,
);
/** Near the grammar, on both sides of it. */
const built = fc.tuple(
  fc.option(host, { nil: undefined }), fc.array(fc.oneof({ weight: 30, arbitrary: plain }, word, fc.constantFrom('', 'library', '..')), { minLength: 1, maxLength: 4 }),
  fc.option(fc.oneof({ weight: 6, arbitrary: word }, fc.constantFrom('', 'latest', 'x'.repeat(128), 'x'.repeat(129))), { nil: undefined, freq: 1 }),
  fc.option(digest, { nil: undefined, freq: 1 }),
).map(([domain, path, tag, mark]) => `${domain === undefined ? '' : `${domain}/`}${path.join('/')}${tag === undefined ? '' : `:${tag}`}${mark === undefined ? '' : `@${mark}`}`);
/** One character put in, or in place of another. */
const changed = fc.tuple(built, fc.nat(), fc.boolean(), fc.constantFrom(...'aZ0._-:/@[] \n\t%é\u0000\u2603')).map(([text, at, replaces, character]) => {
  const place = at % (text.length + 1);
  return text.slice(0, place) + character + text.slice(place + (replaces ? 1 : 0));
});
const free = fc.string({ unit: fc.constantFrom(...'ab1.:/@_-[]A'), maxLength: 24 });
const reference = fc.oneof({ weight: 3, arbitrary: built }, { weight: 2, arbitrary: changed }, free, fc.string({ maxLength: 12 }), hex(64));

describeWith(['reference'], 'image references', () => {
  test('of the published vectors are read alike', () => {
    const inputs = published.vectors.map(([input = '']) => input);
    expect(readByUs(inputs)).toEqual(readByPeer(inputs));
  });

  test('that are generated, 60,000 of them, are read alike', () => {
    let read = 0;
    let accepted = 0;
    fc.assert(fc.property(fc.array(reference, { minLength: 2000, maxLength: 2000 }), (texts) => {
      const ours = readByUs(texts);
      expect(ours).toEqual(readByPeer(texts));
      read += texts.length;
      accepted += ours.filter((each) => each !== null).length;
    }), { numRuns: 30, endOnFailure: true });
    expect(read).toBe(60_000);
    // Neither side of the grammar may be missing from what was compared.
    expect(accepted / read).toBeGreaterThan(0.1);
    expect(accepted / read).toBeLessThan(0.9);
  });
});
