import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareReport } from '../../../src/cli/zastava/kit-report.ts';
import type { Inspection } from '../../../src/kit/report/inspection.ts';
import { seal, tinyFiles, verify, type SealedKit } from '../../kit/sealed-kit.ts';

let folder: string;
let kit: SealedKit;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-report-'));
  kit = await seal(await tinyFiles());
});
afterAll(() => rm(folder, { recursive: true }));

test('both files are written from one verification, into a folder that is made', async () => {
  const [page, data] = [join(folder, 'new', 'inspection.html'), join(folder, 'new', 'inspection.json')];
  const inspection = prepareReport({ report: [page, data] })!;
  await inspection.write('/media/usb/tiny-0.1.0.tar.zst', await verify(kit, { onContents: inspection.onContents }));
  const { file, verification, contents } = JSON.parse(await readFile(data, 'utf8')) as Inspection;
  expect({ file, ok: verification.ok, images: contents!.images.map(({ name }) => name) }).toEqual({ file: 'tiny-0.1.0.tar.zst', ok: true, images: ['app'] });
  expect(await readFile(page, 'utf8')).toContain(verification.sha256);
  expect((await readdir(join(folder, 'new'))).sort()).toEqual(['inspection.html', 'inspection.json']);
});

test('the kit accepted before is read, and compared', async () => {
  const [previous, data] = [join(folder, 'previous.tar.zst'), join(folder, 'inspection.json')];
  await writeFile(previous, kit.bytes);
  const inspection = prepareReport({ report: [data], previous })!;
  await inspection.write('-', await verify(kit, { onContents: inspection.onContents }));
  expect(JSON.parse(await readFile(data, 'utf8'))).toMatchObject({ file: 'standard input', sincePrevious: { sameSigner: true, changes: [] } });
});

test('without a report there is nothing to prepare', () => {
  expect(prepareReport({})).toBeUndefined();
});

test.each([
  ['another kind of file', { report: ['inspection.pdf'] }],
  ['an earlier kit without a report', { previous: 'kit.tar.zst' }],
])('%s is usage', (_, options) => {
  expect(() => prepareReport(options)).toThrow(expect.objectContaining({ code: 'usage' }));
});
