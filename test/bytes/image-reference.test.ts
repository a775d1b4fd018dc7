import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseImageReference } from '../../src/bytes/image-reference.ts';
import published from './image-reference-vectors.json' with { type: 'json' };

const digest = `sha256:${'0f3b'.repeat(16)}`;

describe('an image reference', () => {
  test.each(published.vectors)('reads %j as distribution/reference does', (input = '', domain, path, suffix = '') => {
    const mark = suffix.startsWith('@') ? { digest: suffix.slice(1) } : { tag: suffix.slice(1) };
    const expected = path === undefined ? undefined : { domain, path, name: domain === '' ? path : `${domain}/${path}`, ...mark };
    expect(parseImageReference(input)).toEqual(expected);
  });

  test('has the digest and no tag where both are written, for the digest is what is pulled', () => {
    expect(parseImageReference(`nginx:1.25@${digest}`)).toEqual({ domain: 'docker.io', path: 'library/nginx', name: 'docker.io/library/nginx', digest });
  });

  test('is not accepted beyond what can be pulled', () => {
    expect(parseImageReference(`${'h.'.repeat(511)}io/x`)).toBeUndefined();
  });

  test('reads its own canonical form as the same', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?$/);
    const reference = fc.tuple(fc.constantFrom('', 'docker.io/', 'index.docker.io/', 'localhost/', 'Foo/', 'a.b:5000/', '[::1]/'), fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom('', ':1', `@${digest}`));
    fc.assert(fc.property(reference, ([host, parts, suffix]) => {
      const first = parseImageReference(`${host}${parts.join('/')}${suffix}`);
      expect(first).toBeDefined();
      expect(parseImageReference(`${first?.name}${first?.digest === undefined ? `:${first?.tag}` : `@${first.digest}`}`)).toEqual(first);
    }));
  });

  // A grammar that could read one text in many ways would take longer than any test waits.
  test.each(['a', 'a.', 'a-', 'a--', 'a_', 'a/', 'A', '[', '1:', '@', ':', 'a@', '-'])('is refused or read at once however often %j is repeated', (piece) => {
    for (const end of ['', '!', '/', '/x', ':!', '@!', '/A']) parseImageReference(piece.repeat(1000 / piece.length) + end);
  });
});
