import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { define as defineExtract } from '../../../src/cli/zastava/kit-extract.ts';
import { define as defineSign } from '../../../src/cli/zastava/kit-sign.ts';
import { define as defineVerify } from '../../../src/cli/zastava/kit-verify.ts';
import { developmentIdentity } from '../../../src/kit/certificates/development-certificate.ts';
import { parsePublicKey } from '../../../src/kit/public-key.ts';
import { makeTinyKit, type TinyKit } from '../../kit/tiny-kit.ts';

const home = mkdtempSync(join(tmpdir(), 'zastava-sign-'));
let kit: TinyKit;
let exitCode: typeof process.exitCode;

const auditor = generateKeyPairSync('ec', { namedCurve: 'P-256' });

beforeAll(async () => {
  exitCode = process.exitCode;
  kit = await makeTinyKit();
  writeFileSync(join(home, 'auditor.pub'), auditor.publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(() => {
  process.exitCode = exitCode;
  rmSync(home, { recursive: true });
  rmSync(kit.folder, { recursive: true });
});

async function zastava(...args: string[]): Promise<void> {
  const program = new Command().exitOverride();
  defineExtract(program.command('extract'));
  defineSign(program.command('sign'));
  defineVerify(program.command('verify'));
  await program.parseAsync([...args, '--quiet'], { from: 'user' });
}

test("an auditor's signature of a finished kit is taken, and counts for verify", async () => {
  writeFileSync(join(home, 'auditor.sig'), sign('sha256', readFileSync(kit.path), auditor.privateKey));
  await zastava('sign', kit.path, '--key', join(home, 'auditor.pub'), '--signature', join(home, 'auditor.sig'));
  const { keyId } = parsePublicKey(readFileSync(join(home, 'auditor.pub'), 'utf8'), 'auditor.pub');
  const beside = `${kit.path}.${keyId.slice(7, 19)}`;
  const trust = ['--key', kit.publicKey, '--key', join(home, 'auditor.pub'), '--require', '2'];
  process.exitCode = 0;
  await zastava('verify', kit.path, ...trust, '--signature', kit.signature, '--signature', `${beside}.sig`);
  await zastava('verify', kit.path, ...trust, '--bundle', kit.bundle, '--bundle', `${beside}.sigstore.json`);
  await zastava('verify', kit.path, ...trust);
  await zastava('verify', kit.path, '--key', join(home, 'auditor.pub'), '--key', kit.publicKey, '--require', '2');
  expect(process.exitCode).toBe(0);
  await zastava('extract', kit.path, 'index.json', '--to', join(home, 'taken'), ...trust);
  expect(existsSync(join(home, 'taken/index.json'))).toBe(true);
  // Either of the two files will do; each that is there must hold.
  rmSync(`${beside}.sigstore.json`);
  await zastava('verify', kit.path, ...trust);
  expect(process.exitCode).toBe(0);
  writeFileSync(`${beside}.sigstore.json`, 'x');
  await zastava('verify', kit.path, ...trust);
  expect(process.exitCode).toBe(1);
  for (const suffix of ['.sig', '.sigstore.json']) rmSync(beside + suffix);
  process.exitCode = 0;
  await zastava('verify', kit.path, ...trust);
  expect(process.exitCode).toBe(1);
  await expect(zastava('extract', kit.path, '--to', join(home, 'not-taken'), ...trust)).rejects.toMatchObject({ code: 'kit.signatures-too-few' });
});

test('a signature of something else is refused', async () => {
  writeFileSync(join(home, 'other.sig'), sign('sha256', Buffer.from('other'), auditor.privateKey));
  await expect(zastava('sign', kit.path, '--key', join(home, 'auditor.pub'), '--signature', join(home, 'other.sig'))).rejects.toMatchObject({ code: 'kit.signature-invalid' });
});

test('what kit build asked for is taken into its folder, before there is a kit', async () => {
  const hex = sha256Hex('request');
  mkdirSync(join(home, 'next.to-sign'));
  writeFileSync(join(home, 'next.to-sign', `${hex}.digest`), Buffer.from(hex, 'hex'));
  const signature = sign('sha256', Buffer.from('request'), auditor.privateKey);
  writeFileSync(join(home, 'one.sig'), signature);
  await zastava('sign', join(home, 'next.tar.zst'), '--key', join(home, 'auditor.pub'), '--signature', join(home, 'one.sig'));
  expect(readFileSync(join(home, 'next.to-sign', `${hex}.sig`), 'utf8')).toBe(`${signature.toString('base64')}\n`);
});

test('a revocation list with its signature beside it ends the trust in a key', async () => {
  const list = join(home, 'revoked.json');
  const { keyId } = parsePublicKey(readFileSync(kit.publicKey, 'utf8'), 'kit');
  writeFileSync(list, JSON.stringify({ issuedAt: '2026-11-24T00:00:00Z', revoked: [{ keyId, reason: 'stolen', since: '2026-11-20T00:00:00Z' }] }));
  writeFileSync(`${list}.sig`, sign('sha256', readFileSync(list), auditor.privateKey).toString('base64'));
  for (const [args, expected] of [[[], 0], [['--revocations', list], 1]] as const) {
    process.exitCode = 0;
    await zastava('verify', kit.path, '--key', kit.publicKey, '--key', join(home, 'auditor.pub'), ...args);
    expect(process.exitCode).toBe(expected);
  }
  await expect(zastava('extract', kit.path, '--to', join(home, 'not-taken'), '--key', kit.publicKey, '--key', join(home, 'auditor.pub'), '--revocations', list)).rejects.toMatchObject({ code: 'kit.key-revoked' });
});

test('a certificate is checked against the trusted root and the identity', async () => {
  const certified = await makeTinyKit((plan) => plan, new Date());
  for (const [identity, expected] of [[developmentIdentity, 0], ['https://zastava.example/kit/release', 1]] as const) {
    process.exitCode = 0;
    await zastava('verify', certified.path, '--trusted-root', certified.trustedRoot, '--certificate-identity', identity);
    expect(process.exitCode).toBe(expected);
    const taken = zastava('extract', certified.path, 'index.json', '--to', join(home, `taken-${expected}`), '--trusted-root', certified.trustedRoot, '--certificate-identity', identity);
    await (expected === 0 ? taken : expect(taken).rejects.toMatchObject({ code: 'kit.identity-differs' }));
    expect(existsSync(join(home, `taken-${expected}/index.json`))).toBe(expected === 0);
  }
  rmSync(certified.folder, { recursive: true });
});

test('with neither a kit nor requests there is nothing to sign', async () => {
  await expect(zastava('sign', join(home, 'none.tar.zst'), '--key', join(home, 'auditor.pub'))).rejects.toMatchObject({ code: 'environment' });
});

test.each([
  [['--certificate-identity', 'https://x.example'], /needs --trusted-root/],
  [['--certificate', 'x.pem'], /needs --certificate-identity/],
  [['--require', '0'], /--require is a number/],
])('verify %j is usage', async (args, message) => {
  await expect(zastava('verify', kit.path, ...args)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
});
