/** One bar over all layers of an image build: compressing two at a time, the bytes of all that are known so far. */
import type { ImageProgress } from '../../images/image.ts';
import { startProgress, type OutputOptions, type Progress } from '../terminal/terminal.ts';

export class ImageProgressBar {
  readonly #bar: Progress;
  readonly #layers = new Map<string, { done: number; total: number }>();

  constructor(options: OutputOptions) {
    this.#bar = startProgress(options, 'building images');
  }

  show({ step, subject, state, done, total }: ImageProgress): void {
    if (step !== 'layer' || state !== 'running' || done === undefined || total === undefined) return;
    this.#layers.set(subject, { done, total });
    const sum = (of: 'done' | 'total') => [...this.#layers.values()].reduce((all, layer) => all + layer[of], 0);
    this.#bar.update(sum('done'), sum('total'));
  }

  stop(): void {
    this.#bar.stop();
  }
}
