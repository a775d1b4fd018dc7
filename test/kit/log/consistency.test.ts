import { describe, expect, test } from 'vitest';
import { kitLimits, kitMediaTypes } from '../../../src/contract/kit-format.ts';
import { parseConsistency, renderConsistency } from '../../../src/kit/log/consistency.ts';

const proofs = [{ size: 3, hashes: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] }];
const text = renderConsistency(proofs);

describe('the file of consistency proofs', () => {
  test('is read as it was written', () => {
    expect(parseConsistency(text)).toEqual(proofs);
  });

  test.each([
    ['of another media type', text.replace(kitMediaTypes.consistency, kitMediaTypes.logState)],
    ['without a list', `{"mediaType":"${kitMediaTypes.consistency}","proofs":{}}`],
    ['that is null', 'null'],
    ['that is no JSON', 'proofs'],
  ])('%s is refused', (_, changed) => {
    expect(() => parseConsistency(changed)).toThrow(expect.objectContaining({ code: 'kit.log-invalid' }));
  });

  test('beyond the limit is refused before it is read', () => {
    expect(() => parseConsistency(`${text}${' '.repeat(kitLimits.consistencyBytesMax)}`)).toThrow(expect.objectContaining({ code: 'kit.limit-exceeded' }));
  });
});
