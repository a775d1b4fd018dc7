import { expect, test } from 'vitest';
import { renderSeekTable } from '../../src/bytes/seek-table.ts';

test('a seek table has the bytes that the zstd seekable format prescribes', () => {
  const rows = [
    { compressed: 0x0102, decompressed: 0x400000 },
    { compressed: 7, decompressed: 9 },
  ];
  expect(Buffer.from(renderSeekTable(rows)).toString('hex')).toBe(
    ['5e2a4d18', '19000000', '02010000', '00004000', '07000000', '09000000', '02000000', '00', 'b1ea928f'].join(''),
  );
});
