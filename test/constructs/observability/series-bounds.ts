/**
 * How many series one Pod of a program can make, at the most: labels with closed lists can have any value, open ones have one each
 * at a time (the tenant, the audience, the loaded key, the version are of the Pod's configuration).
 */
import { metrics } from '../../../src/contract/metrics.ts';
import type { Metric } from '../../../src/contract/metrics.ts';
import type { Component } from '../../../src/contract/label-values.ts';

/** What Appendix D of the runbook prints. */
export const seriesMax: Readonly<Record<Component, number>> = { observer: 231, webhook: 461 };

export function countSeries(program: Component): number {
  return Object.values<Metric>(metrics).filter(({ programs }) => programs.includes(program)).reduce((sum, { labels, buckets }) => {
    const combinations = Object.entries(labels).reduce((product, [label, values]) => product * (values === 'open' || label === 'component' ? 1 : values.length), 1);
    return sum + combinations * (buckets === undefined ? 1 : buckets.length + 3);
  }, 0);
}
