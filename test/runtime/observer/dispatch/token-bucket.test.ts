import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffLimits, backoffMs } from '../../../../src/runtime/observer/dispatch/backoff.ts';
import { TokenBucket } from '../../../../src/runtime/observer/dispatch/token-bucket.ts';

test('in no span of time does more come through than the burst and the rate allow, and a full use reaches the rate', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 256 })), { minLength: 1 }), (takes) => {
    const bucket = new TokenBucket(50, 200, 0);
    let [now, taken]: [number, number] = [0, 0];
    for (const [pause, count] of takes) {
      now += pause;
      now += bucket.take(count, now);
      taken += count;
      expect(taken).toBeLessThanOrEqual(200 + (now * 50) / 1000);
    }
  }));
  const bucket = new TokenBucket(50, 200, 0);
  let now = 0;
  for (let batch = 0; batch < 100; batch++) now += bucket.take(32, now);
  expect(now).toBe(((100 * 32 - 200) * 1000) / 50);
});

test('a clock that goes back gives no tokens and takes none', () => {
  const bucket = new TokenBucket(50, 10, 1000);
  expect(bucket.take(10, 1000)).toBe(0);
  expect(bucket.take(1, 0)).toBe(20);
});

test('the backoff doubles from one second to thirty, with jitter', () => {
  expect([1, 2, 3, 4, 5, 1000].map((failures) => backoffMs(failures, 0))).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
  expect([1, 2, 3, 4, 5, 1000].map((failures) => backoffMs(failures, 1))).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000]);
  fc.assert(fc.property(fc.integer({ min: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
    const wait = backoffMs(failures, random);
    expect(wait).toBeGreaterThanOrEqual(backoffLimits.min);
    expect(wait).toBeLessThanOrEqual(backoffLimits.max);
  }));
});
