/**
 * The catalogue (src/contract/metrics.ts) made to count: a metric comes into being with its first sample, so that a program
 * shows only what it really measures, and label values that the catalogue does not list do not compile.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ZastavaError } from '../../contract/errors.ts';
import type { Component } from '../../contract/label-values.ts';
import { metrics as catalogue, type Metric } from '../../contract/metrics.ts';

type Catalogue = (typeof catalogue)[keyof typeof catalogue];
type OfType<Type extends Metric['type']> = Extract<Catalogue, { type: Type }>;

/** A closed list gives its values, `open` any string. */
type LabelsOf<M extends Metric> = { [Label in keyof M['labels']]: M['labels'][Label] extends readonly (infer Value extends string)[] ? Value : string };

export class Metrics {
  readonly #registry = new Registry();
  readonly #component: Component;
  readonly #measures: (() => void)[] = [];

  /** @param commonTags Labels of every sample. */
  constructor(component: Component, commonTags: Readonly<Record<string, string>>) {
    this.#component = component;
    this.#registry.setDefaultLabels({ ...commonTags });
  }

  /** @param by 0 shows the series before its first event, so that `rate()` sees that event. */
  count<M extends OfType<'counter'>>(metric: M, labels: LabelsOf<M>, by = 1): void {
    this.#of(metric, Counter).inc({ ...labels }, by);
  }

  set<M extends OfType<'gauge'>>(metric: M, labels: LabelsOf<M>, value: number): void {
    this.#of(metric, Gauge).set({ ...labels }, value);
  }

  /** @param value In the metric's unit. */
  observe<M extends OfType<'histogram'>>(metric: M, labels: LabelsOf<M>, value: number): void {
    this.#of(metric, Histogram).observe({ ...labels }, value);
  }

  /** Takes a series away that says nothing any more. */
  unset<M extends OfType<'gauge'>>(metric: M, labels: LabelsOf<M>): void {
    this.#of(metric, Gauge).remove({ ...labels });
  }

  /** Called before each scrape, for what is measured then: an age, a size. */
  beforeScrape(measure: () => void): void {
    this.#measures.push(measure);
  }

  /** Prometheus text format 0.0.4. */
  async render(): Promise<{ type: string; body: string }> {
    for (const measure of this.#measures) measure();
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #of<Instrument extends Counter | Gauge | Histogram>(metric: Metric, Kind: new (options: InstrumentOptions) => Instrument): Instrument {
    const known = this.#registry.getSingleMetric(metric.name);
    if (known) return known as Instrument;
    if (!metric.programs.includes(this.#component)) throw new ZastavaError('internal', `the catalogue gives ${metric.name} to ${metric.programs.join(', ')}, not to ${this.#component}`);
    const { name, help, labels, buckets } = metric;
    return new Kind({ name, help, labelNames: Object.keys(labels), registers: [this.#registry], ...(buckets && { buckets: [...buckets] }) });
  }
}

interface InstrumentOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
  readonly buckets?: number[];
}
