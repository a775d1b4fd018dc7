/**
 * The catalogue file that travels in the kit: every series that the rules may use. `kit verify` checks the rules
 * against it without knowing this program.
 */
import { commonLabels, metrics } from '../../contract/metrics.ts';
import type { Metric } from '../../contract/metrics.ts';
import { recordedSeries } from './recorded-series.ts';

interface CatalogueMetric {
  /** A histogram stands for its `_bucket`, `_sum` and `_count`. */
  readonly name: string;
  readonly dotted: string;
  readonly type: Metric['type'];
  readonly unit: Metric['unit'];
  readonly labels: readonly string[];
  /** Labels whose values are a closed list. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  readonly buckets?: readonly number[];
  readonly programs: readonly string[];
  readonly help: string;
}

export interface Catalogue {
  readonly metrics: readonly CatalogueMetric[];
  /** Names of the series that the recording rules make. */
  readonly recorded: readonly string[];
}

/** Sorted by name. */
export function buildCatalogue(): Catalogue {
  return {
    metrics: Object.values<Metric>(metrics).map(toCatalogueMetric).sort((a, b) => (a.name < b.name ? -1 : 1)),
    recorded: Object.values(recordedSeries).map(({ record }) => record).sort(),
  };
}

function toCatalogueMetric({ name, dotted, type, unit, labels, buckets, programs, help }: Metric): CatalogueMetric {
  const closed = Object.entries(labels).filter((entry): entry is [string, readonly string[]] => entry[1] !== 'open');
  return {
    name, dotted, type, unit,
    labels: [...Object.keys(labels), ...commonLabels],
    values: Object.fromEntries(closed),
    ...(buckets === undefined ? {} : { buckets }),
    programs, help,
  };
}
