/** A kit signed by a key that the build does not have: build, sign what is asked for, build again, until nothing is asked. */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../src/bytes/digest.ts';
import { kitSuffixes } from '../../../src/contract/kit-format.ts';
import { assembleKit, type AssembledKit, type KitPlan } from '../../../src/kit/assemble-kit.ts';
import { parseSigner, type Signer } from '../../../src/kit/keys.ts';
import { deferSigner } from '../../../src/kit/keys/deferred-signer.ts';
import { answerRequest, buildWithRequests, decodeSignature, matchSignature, readPending, requestsFolder, type Pending } from '../../../src/kit/keys/signing-requests.ts';
import { openKit } from '../../../src/kit/open-kit.ts';
import { parsePublicKey } from '../../../src/kit/public-key.ts';
import { signKit } from '../../../src/kit/sign-kit.ts';
import { verifyKit } from '../../../src/kit/verify/verify-kit.ts';
import { testNotary, tinyPlan } from '../tiny-kit.ts';

let home: string;
let plan: KitPlan;
let kitPath: string;
let folder: string;
/** The only one that has the key. */
let hsm: Signer;
let publicKeyPem: string;

async function newSigner(): Promise<Signer> {
  return parseSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'key');
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'zastava-elsewhere-'));
  hsm = await newSigner();
  ({ publicKeyPem } = hsm);
  plan = await tinyPlan(home);
  kitPath = join(plan.to, `tiny-0.1.0${kitSuffixes.archive}`);
  folder = requestsFolder(kitPath);
});
afterAll(() => rm(home, { recursive: true }));

/** What `kit build --unsigned` does. */
function round(signedAt: string): Promise<AssembledKit | Pending> {
  return buildWithRequests({ folder, publicKeyPem, signedAt }, async (signer, time) => {
    const notary = { ...(await testNotary()), signer, signedAt: time };
    const kit = await assembleKit({ ...plan, notary });
    signer.demand(Buffer.from(kit.sha256, 'hex'));
    await signKit({ ...kit, name: 'tiny' }, notary);
    return kit;
  });
}

function isPending(result: object): result is Pending {
  return 'pending' in result;
}

describe('a key that is elsewhere', () => {
  test('signs a kit in three rounds, and the kit verifies', async () => {
    const asked: number[] = [];
    let result = await round('2026-02-03T04:05:06Z');
    for (let turn = 1; isPending(result) && turn < 9; turn++) {
      asked.push(result.pending.length);
      expect(existsSync(kitPath)).toBe(asked.length === 3);
      expect(await readdir(plan.to)).not.toContain(`tiny-0.1.0${kitSuffixes.signature}`);
      for (const file of result.pending) await writeFile(file.replace('.digest', '.sig'), hsm.signDigest(await readFile(file)));
      // Another time, as the clock would have it: the first round's stays.
      result = await round(`2026-02-03T04:0${turn}:00Z`);
    }
    expect(asked.slice(1)).toEqual([1, 1]);
    expect(asked[0]).toBeGreaterThan(1);
    const kit = await openKit(kitPath);
    const report = await verifyKit(kit.stream(), { keyPem: publicKeyPem, signatures: kit.signatures });
    expect(report).toMatchObject({ ok: true, kit: { signedAt: '2026-02-03T04:05:06Z' }, signer: { kind: 'release' } });
  });

  test('is told the message too, for tools that sign no digests', async () => {
    const other = join(home, 'other.to-sign');
    const result = await buildWithRequests({ folder: other, publicKeyPem, signedAt: 'now' }, async (signer) => {
      signer.signDigest(Buffer.from(sha256Hex('message'), 'hex'), Buffer.from('message'));
      return assembleKit({ ...plan, notary: { ...(await testNotary()), signer } });
    });
    expect(isPending(result)).toBe(true);
    expect(await readFile(join(other, `${sha256Hex('message')}.message`), 'utf8')).toBe('message');
    expect((await readFile(join(other, `${sha256Hex('message')}.digest`))).toString('hex')).toBe(sha256Hex('message'));
    for (const name of await readdir(other)) {
      if (name.endsWith('.message')) expect(sha256Hex(await readFile(join(other, name)))).toBe(name.slice(0, 64));
    }
  });

  test('may not sign with another one', async () => {
    const hex = sha256Hex('message');
    const signature = Buffer.from((await newSigner()).signDigest(Buffer.from(hex, 'hex')));
    const signer = deferSigner(publicKeyPem, 'hsm.pub', new Map([[hex, signature]]));
    expect(() => signer.signDigest(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'kit.signature-invalid' }));
    expect(() => matchSignature(signature, [hex], parsePublicKey(publicKeyPem, 'hsm.pub'), 's.sig')).toThrow(expect.objectContaining({ code: 'kit.signature-invalid' }));
  });

  test('gives no signature that is not there', () => {
    const signer = deferSigner(publicKeyPem, 'hsm.pub', new Map());
    expect(() => signer.signMessage(Buffer.from('manifest'))).toThrow(expect.objectContaining({ code: 'kit.signatures-pending' }));
    expect([...signer.missing.keys()]).toEqual([sha256Hex('manifest')]);
    expect(() => signer.demand(Buffer.from(sha256Hex('manifest'), 'hex'))).toThrow(expect.objectContaining({ code: 'kit.signatures-pending' }));
    expect(() => signer.deriveSigner('log')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

test('answers are found by what they are signatures of, in DER and in base64', async () => {
  const requests = join(home, 'third.to-sign');
  const hexes = ['a', 'b'].map((text) => sha256Hex(text));
  await buildWithRequests({ folder: requests, publicKeyPem, signedAt: 'now' }, async (signer) => {
    for (const hex of hexes) signer.signDigest(Buffer.from(hex, 'hex'));
    signer.demand(Buffer.from(hexes[0]!, 'hex'));
    return {};
  });
  expect(await readPending(requests)).toEqual(hexes.toSorted());
  const der = Buffer.from(hsm.signDigest(await readFile(join(requests, `${hexes[1]}.digest`))));
  expect(decodeSignature(der).equals(der)).toBe(true);
  expect(decodeSignature(Buffer.from(`${der.toString('base64')}\n`)).equals(der)).toBe(true);
  expect(matchSignature(der, await readPending(requests), parsePublicKey(publicKeyPem, 'hsm.pub'), 'b.sig')).toBe(hexes[1]);
  await answerRequest(requests, hexes[1]!, der);
  expect(await readPending(requests)).toEqual([hexes[0]]);
});
