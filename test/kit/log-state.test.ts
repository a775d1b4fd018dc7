import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { developmentIdentity } from '../../src/kit/certificates/development-certificate.ts';
import { openCheckpoint } from '../../src/kit/log/checkpoint.ts';
import { openReleaseLog } from '../../src/kit/log/log-folder.ts';
import { advanceLogState, readLogState, writeLogState, type LogState, type LogStateOptions } from '../../src/kit/log-state.ts';
import { openKit } from '../../src/kit/open-kit.ts';
import { parsePublicKey } from '../../src/kit/public-key.ts';
import type { VerifyReport } from '../../src/kit/verify/report.ts';
import type { VerifyOptions } from '../../src/kit/verify/verify-kit.ts';
import { release, testLogSigner, verifyReleased } from './released-kits.ts';
import { makeTinyKit, type TinyKit } from './tiny-kit.ts';

let folder: string;
let first: TinyKit;
let second: TinyKit;
let third: TinyKit;
/** After the first, in a copy of the log that does not know the second. */
let forked: TinyKit;
let forkedAgain: TinyKit;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-state-'));
  const other = join(folder, 'other');
  first = await release(folder, '0.1.0', '2026-01-01T00:00:00Z');
  await cp(join(folder, 'release-log'), join(other, 'release-log'), { recursive: true });
  second = await release(folder, '0.2.0', '2026-01-02T00:00:00Z');
  third = await release(folder, '0.3.0', '2026-01-03T00:00:00Z');
  forked = await release(other, '0.2.1', '2026-01-04T00:00:00Z');
  forkedAgain = await release(other, '0.4.0', '2026-01-05T00:00:00Z');
});

afterAll(async () => {
  for (const kit of [first, second, third, forked, forkedAgain]) await rm(kit.folder, { recursive: true });
  await rm(folder, { recursive: true });
});

const now = new Date('2026-02-01T00:00:00Z');

/** What comes of a kit at a site with this state. */
async function offer(kit: TinyKit, state: LogState | null, options: Partial<LogStateOptions> = {}, others: Partial<VerifyOptions> = {}): Promise<{ report: VerifyReport; accepted: LogState | null }> {
  let accepted: LogState | null = null;
  const report = await verifyReleased(kit, { logState: { state, now, onAccepted: (next) => (accepted = next), ...options }, ...others });
  return { report, accepted };
}

async function accept(...kits: readonly TinyKit[]): Promise<LogState> {
  let state: LogState | null = null;
  for (const kit of kits) {
    const { report, accepted } = await offer(kit, state);
    expect(report.ok, report.code ?? '').toBe(true);
    state = accepted;
  }
  return state!;
}

describe('a site that keeps the head of the log', () => {
  test('begins with the first kit that it accepts', async () => {
    const state = await accept(first);
    expect(state).toMatchObject({ newest: { name: 'tiny', version: '0.1.0', signedAt: '2026-01-01T00:00:00Z' }, heads: [{ seenAt: now.toISOString() }] });
  });

  test('accepts each release after it, also when it missed one', async () => {
    expect((await accept(first, second, third)).heads).toHaveLength(3);
    expect(await accept(first, third)).toMatchObject({ newest: { version: '0.3.0' } });
  });

  test('accepts the kit again that it accepted last, and changes nothing', async () => {
    const state = await accept(first, second);
    const { report, accepted } = await offer(second, state, { now: new Date('2027-01-01T00:00:00Z') });
    expect(report.ok).toBe(true);
    expect(accepted).toEqual(state);
  });

  test('refuses a kit that is older than the newest one accepted', async () => {
    const { report, accepted } = await offer(first, await accept(first, second));
    expect(report).toMatchObject({ ok: false, code: 'kit.log-rollback' });
    expect(accepted).toBeNull();
  });

  test('refuses a kit that is older by the log, also when it says that it is younger', async () => {
    const elsewhere = join(folder, 'backdated');
    const kits = [await release(elsewhere, '0.1.0', '2026-01-05T00:00:00Z'), await release(elsewhere, '0.2.0', '2026-01-05T00:00:00Z')] as const;
    expect((await offer(kits[0], await accept(...kits))).report).toMatchObject({ ok: false, code: 'kit.log-rollback' });
    for (const kit of kits) await rm(kit.folder, { recursive: true });
  });

  test('refuses a log of another name under the same key', async () => {
    const state = await accept(first);
    const logKey = parsePublicKey((await testLogSigner()).publicKeyPem, 'of the log');
    const [{ checkpoint }] = state.heads as [LogState['heads'][number]];
    const head = { ...openCheckpoint(checkpoint, logKey, 'the head seen'), origin: 'other.internal - 1' };
    expect(() => advanceLogState({ head, checkpoint, logKey, kit: state.newest, consistency: state.consistency }, { state })).toThrow(expect.objectContaining({ code: 'kit.log-fork' }));
  });

  test('accepts an older one where that is allowed, and remembers the newest all the same', async () => {
    const state = await accept(first, third);
    for (const kit of [first, second]) {
      const { report, accepted } = await offer(kit, state, { allowOlder: true });
      expect(report.ok, report.code ?? '').toBe(true);
      expect(accepted).toEqual(state);
    }
  });

  test('refuses a kit of a fork, whatever is allowed', async () => {
    const state = await accept(first, second);
    expect((await offer(forkedAgain, state)).report).toMatchObject({ ok: false, code: 'kit.log-fork' });
    expect((await offer(forked, state)).report).toMatchObject({ ok: false, code: 'kit.log-fork' });
    expect((await offer(forked, await accept(first, third), { allowOlder: true })).report).toMatchObject({ ok: false, code: 'kit.log-fork' });
    const astray = await accept(first, forked, forkedAgain);
    expect((await offer(third, astray)).report.ok).toBe(false);
  });

  test('refuses a kit without the proof that its log goes on', async () => {
    const { signatures } = await openKit(second.path);
    const state = await accept(first);
    for (const consistency of [null, (await openKit(first.path)).signatures.consistency!]) {
      expect((await offer(second, state, {}, { signatures: { ...signatures, consistency } })).report).toMatchObject({ ok: false, code: 'kit.log-proof-missing' });
    }
  });

  test('refuses a proof that was changed, or is none', async () => {
    const { signatures } = await openKit(second.path);
    const state = await accept(first);
    const proof = JSON.parse(signatures.consistency!) as { mediaType: string; proofs: [{ size: number; hashes: string[] }] };
    const changed = (change: (hashes: string[]) => unknown): string => JSON.stringify({ ...proof, proofs: [{ ...proof.proofs[0], hashes: change(proof.proofs[0].hashes) }] });
    const zeros = Buffer.alloc(32).toString('base64');
    for (const consistency of [changed((hashes) => hashes.with(0, zeros)), changed(() => [])]) {
      expect((await offer(second, state, {}, { signatures: { ...signatures, consistency } })).report).toMatchObject({ ok: false, code: 'kit.log-fork' });
    }
    for (const consistency of ['x', 'null', '{}', changed(() => ['x']), changed(() => 'x'), changed(() => Array.from({ length: 60 }, () => zeros)), JSON.stringify({ ...proof, proofs: [null] })]) {
      expect((await offer(second, state, {}, { signatures: { ...signatures, consistency } })).report, consistency).toMatchObject({ ok: false, code: 'kit.log-invalid' });
      expect((await offer(second, null, {}, { signatures: { ...signatures, consistency } })).report, consistency).toMatchObject({ ok: false, code: 'kit.log-invalid' });
    }
  });

  test('refuses a release that says it is older than the one before it', async () => {
    const backdated = await release(folder, '0.3.1', '2025-12-31T00:00:00Z');
    const state = await accept(first, third);
    expect((await offer(backdated, state)).report).toMatchObject({ ok: false, code: 'kit.log-rollback' });
    const { report, accepted } = await offer(backdated, state, { allowOlder: true });
    expect(report.ok).toBe(true);
    expect(accepted).toMatchObject({ newest: { version: '0.3.0' }, heads: [{}, {}, {}] });
    await rm(backdated.folder, { recursive: true });
  });

  test('refuses a log of another key', async () => {
    const state = await accept(first);
    const heads = [{ ...state.heads[0]!, checkpoint: state.heads[0]!.checkpoint.replace(/ [A-Za-z0-9+/=]+\n$/, ` ${Buffer.alloc(70).toString('base64')}\n`) }];
    expect((await offer(second, { ...state, heads })).report).toMatchObject({ ok: false, code: 'kit.log-fork' });
  });

  test('does not advance when anything else is wrong with the kit', async () => {
    const { report, accepted } = await offer(second, await accept(first), {}, { signatures: { ...(await openKit(second.path)).signatures, signature: (await openKit(first.path)).signatures.signature } });
    expect(report).toMatchObject({ ok: false, code: 'kit.signature-invalid' });
    expect(accepted).toBeNull();
  });

  test('must trust a log', async () => {
    await expect(offer(first, null, {}, { trustedRoot: undefined })).rejects.toThrow(expect.objectContaining({ code: 'kit.trust-missing' }));
  });

  test('never takes the log of a development kit for its history', async () => {
    const kit = await makeTinyKit();
    expect(await offer(kit, null)).toMatchObject({ report: { ok: false, code: 'kit.development-key' }, accepted: null });
    expect(await offer(kit, await accept(first), {}, { allowDevelopment: true })).toMatchObject({ report: { ok: true, notChecked: [{ name: 'log state' }] }, accepted: null });
    await rm(kit.folder, { recursive: true });
  });
});

describe('a certificate that has expired since', () => {
  test('holds where the site itself saw the kit in the log before, and nowhere else', async () => {
    const log = await openReleaseLog(join(folder, 'certified'), await testLogSigner());
    const kit = await makeTinyKit((plan) => ({ ...plan, notary: { ...plan.notary, log } }), now);
    const trust = (at: string): Partial<VerifyOptions> => ({ keyPem: null, certificate: { identity: developmentIdentity, trustedRootJson: readFileSync(kit.trustedRoot, 'utf8'), now: new Date(at) } });

    const { report, accepted } = await offer(kit, null, {}, trust('2026-02-01T00:00:00Z'));
    expect(report.ok, report.code ?? '').toBe(true);
    expect((await offer(kit, null, {}, trust('2099-01-01T00:00:00Z'))).report).toMatchObject({ ok: false, code: 'kit.certificate-expired' });
    expect((await offer(kit, await accept(first), {}, trust('2099-01-01T00:00:00Z'))).report).toMatchObject({ ok: false, code: 'kit.certificate-expired' });
    expect((await offer(kit, accepted, {}, trust('2099-01-01T00:00:00Z'))).report).toMatchObject({ ok: true, notChecked: [] });
    // A head that the site knows, around an entry that is not under it, does not help.
    const { signatures } = await openKit(kit.path);
    const forged = signatures.certificateBundle!.replace(/"treeSize":"\d+"/, '"treeSize":"3"');
    expect((await offer(kit, accepted, {}, { ...trust('2099-01-01T00:00:00Z'), signatures: { ...signatures, certificateBundle: forged } })).report).toMatchObject({ ok: false, code: 'kit.log-invalid' });
    await rm(kit.folder, { recursive: true });
  });
});

describe('the file of a log state', () => {
  test('is read as it was written, and leaves nothing else behind', async () => {
    const state = await accept(first, second);
    const path = join(folder, 'site/state.json');
    await writeLogState(path, await accept(first));
    await writeLogState(path, state);
    expect(await readLogState(path)).toEqual(state);
    expect(await readdir(join(folder, 'site'))).toEqual(['state.json']);
  });

  test('that is not there is no state yet', async () => {
    expect(await readLogState(join(folder, 'none.json'))).toBeNull();
  });

  test('that cannot be read begins nothing anew', async () => {
    const path = join(folder, 'broken.json');
    await writeLogState(path, await accept(first));
    const text = await readFile(path, 'utf8');
    for (const broken of ['', '{}', 'null', text.slice(0, -9), text.replace('log-state', 'log-other'), text.replace(/"seenAt": "[^"]*"/, '"seenAt": "x"'), text.replace(/"signedAt": "[^"]*"/, '"signedAt": 1'), text.replace(/"heads": \[[^\]]*\]/, '"heads": []')]) {
      await writeFile(path, broken);
      await expect(readLogState(path), broken).rejects.toThrow(expect.objectContaining({ code: 'kit.log-state-invalid' }));
    }
  });
});
