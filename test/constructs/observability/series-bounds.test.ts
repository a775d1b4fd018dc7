import { expect, test } from 'vitest';
import { components } from '../../../src/contract/label-values.ts';
import { countSeries, seriesMax } from './series-bounds.ts';

test.each(components)('one %s makes no more series than the runbook says, whatever it is sent', (program) => {
  expect(countSeries(program)).toBe(seriesMax[program]);
});
