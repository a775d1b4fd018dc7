/** Which certificates may vouch for a kit, each case bent in one place only. */
import { describe, expect, test } from 'vitest';
import { oids, parseCertificate } from '../../../src/kit/certificates/certificate.ts';
import { parseAuthorities } from '../../../src/kit/certificates/trusted-root.ts';
import { verifyCertificate } from '../../../src/kit/certificates/verify-certificate.ts';
import { during, identity, makeChain, notAfter, notBefore, trustedRootOf, type Chain } from './chains.ts';
import chains from './openssl-chains.json' with { type: 'json' };

async function codesOf({ leaf, root }: Chain, options: { identity?: string; at?: Date; trustedRoot?: string } = {}): Promise<string[]> {
  const authorities = await parseAuthorities(options.trustedRoot ?? trustedRootOf([root]));
  return verifyCertificate({ leaf: await parseCertificate(leaf, 'leaf'), authorities, identity: options.identity ?? identity, at: options.at ?? during }).map(({ code, expected }) => `${code}: ${expected}`);
}

describe('a certificate', () => {
  test('holds when it leads to the trusted root', async () => {
    expect(await codesOf(await makeChain())).toEqual([]);
  });

  test('of another authority of the same name does not', async () => {
    const [chain, other] = [await makeChain(), await makeChain()];
    expect(await codesOf({ leaf: chain.leaf, root: other.root })).toEqual(['kit.certificate-invalid: an issuer in the trusted root']);
  });

  test('is not trusted by a root that names no authority', async () => {
    expect(await codesOf(await makeChain(), { trustedRoot: '{}' })).toEqual(['kit.certificate-invalid: an issuer in the trusted root']);
  });

  test.each([
    ['without code signing', { leaf: { purposes: ['1.3.6.1.5.5.7.3.1'] } }, 'the extended key usage codeSigning'],
    ['without any extended key usage', { leaf: { purposes: undefined as never } }, 'the extended key usage codeSigning'],
    ['that is an authority itself', { leaf: { isCa: true } }, 'a leaf'],
    ['under a root that is no authority', { root: { isCa: false } }, 'a certificate authority (basicConstraints)'],
    ['under a root that may not sign certificates', { root: { isCa: false } }, 'the key usage keyCertSign'],
    ['under a root for servers only', { root: { purposes: ['1.3.6.1.5.5.7.3.1'] } }, 'no extended key usage, or codeSigning among it'],
  ])('%s is refused', async (_, options, expected) => {
    expect(await codesOf(await makeChain(options))).toContain(`kit.certificate-invalid: ${expected}`);
  });

  test.each([
    ['before it begins', {}, new Date(notBefore.getTime() - 1000)],
    ['after it ended', {}, new Date(notAfter.getTime() + 1000)],
    ['after the root ended', { root: { notAfter: new Date('2026-02-01T00:00:00Z') } }, during],
    ['before the root begins', { root: { notBefore: new Date('2026-07-01T00:00:00Z') } }, during],
  ])('%s is refused as expired', async (_, options, at) => {
    expect((await codesOf(await makeChain(options), { at }))[0]).toMatch(/^kit\.certificate-expired/);
  });

  test('is refused when the trusted root says that its authority is over', async () => {
    const chain = await makeChain();
    const trustedRoot = trustedRootOf([chain.root], { start: notBefore.toISOString(), end: '2026-05-01T00:00:00Z' });
    expect(await codesOf(chain, { trustedRoot })).toEqual([`kit.certificate-expired: valid at ${during.toISOString()}`]);
  });
});

describe('the identity', () => {
  test.each([
    [identity, true],
    ['https://kit.example/*', true],
    ['https://*.example/release', true],
    ['kit.example/release', false],
    ['https://kit.example/rel', false],
    ['https://kit.example/release/more', false],
    ['https://kitXexample/release', false],
    ['.*', false],
    ['*', false],
    ['https://*', false],
    ['', false],
    [`${identity}|x`, false],
  ])('%j matches as a whole: %s', async (asked, matches) => {
    const codes = await codesOf(await makeChain(), { identity: asked });
    expect(codes).toEqual(matches ? [] : [`kit.identity-differs: the identity ${JSON.stringify(asked)}`]);
  });

  test('is a URI or an e-mail address, and no host name', async () => {
    expect(await codesOf(await makeChain({ leaf: { names: [{ type: 'email', value: 'kit@example.com' }] } }), { identity: 'kit@example.com' })).toEqual([]);
    expect(await codesOf(await makeChain({ leaf: { names: [{ type: 'dns', value: 'kit.example' }] } }), { identity: 'kit.example' })).toEqual(['kit.identity-differs: the identity "kit.example"']);
  });
});

function der(name: keyof typeof chains): Buffer {
  return Buffer.from(chains[name], 'base64');
}

/**
 * DER in base64, made by `openssl x509 -req` with the extensions that the names tell: each root is named after what is odd about it,
 * `long-leaf` is below one authority more than `short-root` allows, `odd-leaf` has a critical extension that nobody knows.
 */
describe('chains that OpenSSL made', () => {
  test.each<[keyof typeof chains, (keyof typeof chains)[], string[]]>([
    ['leaf', ['middle', 'root'], []],
    ['leaf', ['root'], ['an issuer in the trusted root']],
    ['leaf', ['middle'], ['a root that signed itself']],
    ['leaf', ['middle', 'short-root'], ['one that the next one signed', 'at most 0 authorities below it']],
    ['long-leaf', ['long-middle', 'short-root'], ['at most 0 authorities below it']],
    ['narrow-leaf', ['narrow-root'], ['no limits that are not checked here']],
    ['odd-leaf', ['root'], ['no limits that are not checked here']],
    ['old-leaf', ['root'], ['a signature with SHA-2']],
    ['mute-leaf', ['mute-root'], ['the key usage keyCertSign']],
    ['false-leaf', ['false-root'], ['a certificate authority (basicConstraints)']],
    ['agreeing-leaf', ['root'], ['the key usage digitalSignature']],
    ['weak-leaf', ['weak-root'], ['an RSA key of at least 2048 bits']],
  ])('%s below %j: %j', async (leaf, issuers, problems) => {
    const codes = await codesOf({ leaf: der(leaf), root: Buffer.alloc(0) }, { trustedRoot: trustedRootOf(issuers.map(der), {}), at: new Date('2030-01-01T00:00:00Z') });
    expect(codes).toEqual(problems.map((problem) => `kit.certificate-invalid: ${problem}`));
  });
});

describe('what is no certificate', () => {
  test.each([
    ['nothing', () => Buffer.alloc(0)],
    ['text', () => Buffer.from('no certificate')],
    ['bytes after it', (leaf: Buffer) => Buffer.concat([leaf, Buffer.of(0)])],
    ['half of it', (leaf: Buffer) => leaf.subarray(0, leaf.length / 2)],
  ])('%s is refused', async (_, bend) => {
    const { leaf } = await makeChain();
    await expect(parseCertificate(bend(leaf), 'leaf')).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
  });

  test.each(['', '[]', '{"certificateAuthorities":{}}', '{"certificateAuthorities":[{}]}', '{"certificateAuthorities":[{"certChain":{"certificates":[]}}]}', '{"certificateAuthorities":[{"certChain":{"certificates":[{"rawBytes":"!"}]}}]}'])('the trusted root %j is refused', async (json) => {
    await expect(parseAuthorities(json)).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
  });

  test('a trusted root with times that are none is refused', async () => {
    const { root } = await makeChain();
    await expect(parseAuthorities(trustedRootOf([root], { start: 'soon' }))).rejects.toMatchObject({ code: 'kit.certificate-invalid' });
  });

  test('two names of one purpose are read as they stand', async () => {
    const { leaf } = await makeChain({ leaf: { names: [{ type: 'uri', value: 'https://a.example/?x=1, URI:https://b.example' }] } });
    const certificate = await parseCertificate(leaf, 'leaf');
    expect(certificate.names).toEqual(['https://a.example/?x=1, URI:https://b.example']);
    expect(certificate.extendedKeyUsage).toEqual([oids.codeSigning]);
  });
});
