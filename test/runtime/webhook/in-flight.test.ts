import { expect, test } from 'vitest';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import { InFlight, inFlightLimits } from '../../../src/runtime/webhook/in-flight.ts';

const { askingMax, bytesMax, largeBytes, largeMax, reviewsMax } = inFlightLimits;

test('so many have a place, and fewer may ask', () => {
  const inFlight = new InFlight(new Metrics('webhook', {}));
  const places = Array.from({ length: reviewsMax }, () => inFlight.enter());
  expect(places.every((place) => place !== undefined)).toBe(true);
  expect(inFlight.enter()).toBeUndefined();
  expect(inFlight.crowded).toBe(true);
  for (const place of places.slice(askingMax)) place?.leave();
  expect(inFlight.crowded).toBe(false);
  expect(inFlight.enter()).toBeDefined();
});

test('the bytes of all are bounded, and are free again when one leaves, once', async () => {
  const metrics = new Metrics('webhook', {});
  const inFlight = new InFlight(metrics);
  const [one, other] = [inFlight.enter()!, inFlight.enter()!];
  expect(one.grow(bytesMax)).toBe(true);
  expect(other.grow(1)).toBe(false);
  expect(inFlight.enter()!.grow(1)).toBe(false);
  one.leave();
  one.leave();
  expect((await metrics.render()).body).toContain(`${catalogue.inflightBytes.name} 0\n`);
  expect([other.grow(1), inFlight.enter()!.grow(1)]).toEqual([false, true]);
});

test('what is refused gives back all it had: others are let in meanwhile', () => {
  const inFlight = new InFlight(new Metrics('webhook', {}));
  const places = Array.from({ length: 2 * largeMax }, () => inFlight.enter()!);
  for (const place of places) place.grow(largeBytes - 1);
  expect(places.map((place) => place.grow(1))).toEqual([...Array(largeMax).fill(true), ...Array(largeMax).fill(false)]);
  for (const place of places.slice(0, largeMax)) place.leave();
  const next = inFlight.enter()!;
  expect(next.grow(largeBytes)).toBe(true);
});

test('few large ones are read at a time', () => {
  const inFlight = new InFlight(new Metrics('webhook', {}));
  const large = Array.from({ length: largeMax }, () => inFlight.enter()!);
  for (const place of large) expect([place.grow(largeBytes - 1), place.grow(1)]).toEqual([true, true]);
  const next = inFlight.enter()!;
  expect(next.grow(largeBytes - 1)).toBe(true);
  expect(next.grow(1)).toBe(false);
  large[0]!.leave();
  expect(inFlight.enter()!.grow(10)).toBe(true);
});
