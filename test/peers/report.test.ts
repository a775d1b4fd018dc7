/** The receiving inspection of the real kit, in a real browser without network; and the kit built again with another key. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { diffKits } from '../../src/kit/diff/diff-kits.ts';
import { openKit } from '../../src/kit/open-kit.ts';
import type { Inspection } from '../../src/kit/report/inspection.ts';
import { openPage } from './harness/browser.ts';
import { succeed } from './harness/commands.ts';
import { checkout, kit, readManifest } from './harness/kit.ts';
import { describeWith } from './harness/peers.ts';
import { scratch } from './harness/scratch.ts';

describeWith(['chromium', 'unshare'], 'the receiving inspection', () => {
  const folder = scratch('report');
  const page = join(folder, 'inspection.html');
  const other = join(folder, 'other', basename(kit.archive));
  let inspection: Inspection;

  beforeAll(async () => {
    const key = join(folder, 'other.key');
    writeFileSync(key, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await succeed('npm', ['run', '--silent', 'kit', '--', '--key', key, '--signing-time', '2026-02-02T00:00:00Z', '--out', join(folder, 'other')], { cwd: checkout });
    const data = join(folder, 'inspection.json');
    await succeed(process.execPath, ['src/cli/zastava/main.ts', 'kit', 'verify', kit.archive, '--key', kit.publicKey, '--report', page, '--report', data, '--previous', other], { cwd: checkout });
    inspection = JSON.parse(readFileSync(data, 'utf8')) as Inspection;
  });

  test('two builds of one commit with different keys differ in signatures alone', async () => {
    const [a, b] = [await openKit(kit.archive), await openKit(other)];
    expect((await diffKits(a.stream(), b.stream(), { ignoreSignatures: true })).changes).toEqual([]);
    expect(new Set((await diffKits(a.stream(), b.stream())).changes.map(({ area }) => area))).toEqual(new Set(['signatures']));
  });

  test('says in the browser who signed, what was checked, and what the kit brings', async () => {
    const { stdout, requests } = await openPage(folder, page, ['--dump-dom']);
    const text = stdout.replace(/<style>[\s\S]*?<\/style>/, '').replace(/<[^>]*>/g, ' ');
    const { signer } = await readManifest();
    expect(text).toContain(signer.keyId);
    for (const part of ['Verified', inspection.verification.sha256!, 'Another key.', 'Nothing differs but the signatures.', 'linux/arm64', 'libc6', 'ZastavaRuntimeBackendLatencyHigh', 'capability SYS_PTRACE']) expect(text).toContain(part);
    expect(inspection.contents!.images).toHaveLength(2);
    expect(inspection.contents!.packages!.length).toBeGreaterThan(20);
    expect(requests).toEqual([]);
  });

  test('asks for nothing even when its text does: the policy stops it, and without the policy we would see it', async () => {
    const asking = readFileSync(page, 'utf8').replace('<body>', '<body><img src="http://127.0.0.1:9/seen.png" alt="">');
    const [stopped, free] = [join(folder, 'stopped.html'), join(folder, 'free.html')];
    writeFileSync(stopped, asking);
    writeFileSync(free, asking.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, ''));
    expect((await openPage(folder, stopped, ['--dump-dom'])).requests).toEqual([]);
    expect((await openPage(folder, free, ['--dump-dom'])).requests).toContain('http://127.0.0.1:9/seen.png');
  });

  test('can be seen, with its style', async () => {
    const shots = await Promise.all([page, join(folder, 'plain.html')].map(async (file, index) => {
      if (index === 1) writeFileSync(file, readFileSync(page, 'utf8').replace(/<style>[\s\S]*?<\/style>/, ''));
      const png = join(folder, `${index}.png`);
      await openPage(folder, file, ['--window-size=1100,1600', `--screenshot=${png}`]);
      return readFileSync(png);
    }));
    for (const png of shots) expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(shots[0]!.equals(shots[1]!)).toBe(false);
  });

  test('can be printed', async () => {
    const pdf = join(folder, 'inspection.pdf');
    await openPage(folder, page, ['--no-pdf-header-footer', `--print-to-pdf=${pdf}`]);
    const bytes = readFileSync(pdf);
    expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
    expect(bytes.toString('latin1').match(/\/Type \/Page\b/g)!.length).toBeGreaterThan(2);
  });
});
