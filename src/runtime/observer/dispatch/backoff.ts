/** Waits between tries: doubling from one second to thirty, with jitter so that the nodes of a cluster do not come back at once. */

/** Milliseconds. */
export const backoffLimits = { min: 1000, max: 30_000 } as const;

/**
 * @param failures in a row, from 1
 * @param random from 0 to 1
 * @returns milliseconds: between half of the step and all of it, never less than `min`
 */
export function backoffMs(failures: number, random: number): number {
  const { min, max } = backoffLimits;
  const step = Math.min(max, min * 2 ** Math.min(failures, 30));
  return Math.max(min, Math.round((step / 2) * (1 + random)));
}
