/** Says what the buffer let go: the metric at once, the line `buffer.drops` once a second for each reason. */
import { dropReasons } from '../../../contract/label-values.ts';
import { metrics as catalogue } from '../../../contract/metrics.ts';
import type { Gap, GapReason } from '../../../contract/runtime-event.ts';
import type { Log } from '../../telemetry/logs.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { joinGaps } from './store-rows.ts';

const lineEveryMs = 1000;

export class LossLog {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #unsaid = new Map<GapReason, Gap>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, metrics: Metrics) {
    [this.#log, this.#metrics] = [log, metrics];
  }

  add(gap: Gap): void {
    const reason = dropReasons.find((each) => each === gap.reason);
    if (reason !== undefined) this.#metrics.count(catalogue.bufferDrops, { reason }, gap.count);
    const before = this.#unsaid.get(gap.reason);
    this.#unsaid.set(gap.reason, before ? joinGaps(before, gap) : gap);
    this.#timer ??= setTimeout(() => this.#say(), lineEveryMs).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#say();
  }

  #say(): void {
    this.#timer = undefined;
    for (const gap of this.#unsaid.values()) this.#log.warn({ scope: 'buffer', ...gap }, 'buffer.drops');
    this.#unsaid.clear();
  }
}
