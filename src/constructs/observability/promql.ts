/**
 * PromQL built from the catalogue's objects, so that a metric or a label that does not exist is a type error and no
 * name is spelled twice. Only the handful of shapes that rules and dashboard need.
 */
import type { commonLabels, Metric } from '../../contract/metrics.ts';

type CommonLabel = (typeof commonLabels)[number];
type LabelValue<Values> = Values extends readonly (infer Value)[] ? Value : string;
type LabelOf<M extends Metric> = CommonLabel | (keyof M['labels'] & string);

/** Label → the value it must equal; a template for a dashboard's variable is given as `{ regex }`. */
export type Matchers<M extends Metric> =
  { readonly [Label in keyof M['labels']]?: LabelValue<M['labels'][Label]> } & { readonly cluster?: { readonly regex: string } };

/** An instant vector of a counter or gauge. */
export function select<M extends Metric>(metric: M, matchers?: Matchers<M>): string {
  return metric.name + selector(matchers);
}

/** How many series there are for each combination of `by`. */
export function count<M extends Metric>(metric: M, by: readonly LabelOf<M>[], matchers?: Matchers<M>): string {
  return `count by (${by.join(', ')}) (${select(metric, matchers)})`;
}

/** 1 with the labels of the matchers where no series matches. */
export function absent<M extends Metric>(metric: M, matchers: Matchers<M>): string {
  return `absent(${select(metric, matchers)})`;
}

/** Increase per second over the last `minutes`, added up by `by`. */
export function rate<M extends Metric>(metric: M, minutes: number, by: readonly LabelOf<M>[], matchers?: Matchers<M>): string {
  return `sum by (${by.join(', ')}) (rate(${select(metric, matchers)}[${minutes}m]))`;
}

/** Increase over the last `minutes`, added up by `by`. */
export function increase<M extends Metric>(metric: M, minutes: number, by: readonly LabelOf<M>[], matchers?: Matchers<M>): string {
  return `sum by (${by.join(', ')}) (increase(${select(metric, matchers)}[${minutes}m]))`;
}

/** A quantile (0 to 1) of a histogram over the last `minutes`, one for each combination of `by`. */
export function quantile<M extends Metric & { readonly type: 'histogram' }>(
  q: number, metric: M, minutes: number, by: readonly LabelOf<M>[], matchers?: Matchers<M>,
): string {
  return `histogram_quantile(${q}, sum by (${[...by, 'le'].join(', ')}) (rate(${metric.name}_bucket${selector(matchers)}[${minutes}m])))`;
}

function selector(matchers: object = {}): string {
  const parts = Object.entries(matchers).map(([label, value]: [string, string | { regex: string }]) =>
    typeof value === 'string' ? `${label}="${value}"` : `${label}=~"${value.regex}"`);
  return parts.length === 0 ? '' : `{${parts.join(', ')}}`;
}
