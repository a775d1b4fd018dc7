/**
 * What enforcing would break, of all that runs: counted as Pods come by, so that a report takes as much memory as there are
 * different images, however many Pods run them.
 */
import { printable } from '../../runtime/webhook/explanation.ts';
import { weightOf } from '../../runtime/webhook/decision.ts';
import { renderTable, styled } from '../terminal/terminal.ts';
import { outcomeOf, type Judged } from './judgement.ts';

interface Break {
  readonly namespace: string;
  readonly image: string;
  readonly reason: string;
  readonly detail: string;
  readonly example: string;
  pods: number;
}

export class RunningReport {
  readonly counts = { judged: 0, allowed: 0, denied: 0, unasked: 0, excluded: 0 };
  readonly #breaks = new Map<string, Break>();

  add(judged: Judged): void {
    if (judged.excluded) {
      this.counts.excluded++;
      return;
    }
    const outcome = outcomeOf(judged);
    this.counts.judged++;
    this.counts[outcome]++;
    if (outcome === 'allowed') return;
    const { decision, review, source } = judged;
    const grave = decision.images.filter(({ reason }) => weightOf[reason] === weightOf[decision.reason]);
    const rows = grave.length > 0 ? grave.map(({ image, reason, detail }) => ({ image: image.name, reason, detail })) : [{ image: '', reason: decision.reason, detail: '' }];
    for (const row of rows) {
      const key = JSON.stringify([review.namespace, row.image, row.reason]);
      const known = this.#breaks.get(key);
      if (known) known.pods++;
      else this.#breaks.set(key, { namespace: review.namespace, ...row, example: source, pods: 1 });
    }
  }

  /** The most Pods first. */
  get breaks(): readonly Break[] {
    return [...this.#breaks.values()].sort((a, b) => b.pods - a.pods || (`${a.namespace} ${a.image}` < `${b.namespace} ${b.image}` ? -1 : 1));
  }

  render(): string[] {
    const { judged, allowed, denied, unasked, excluded } = this.counts;
    const rows = this.breaks.map(({ namespace, image, reason, detail, pods, example }) => [
      String(pods), namespace, printable(image, 120), `${reason}${detail === '' ? '' : `: ${printable(detail, 120)}`}`, printable(example, 120),
    ]);
    const table = rows.length === 0 ? [] : [...renderTable([['Pods', 'namespace', 'image', 'why', 'for example'], ...rows]), ''];
    const found = denied > 0 ? styled('red', `${denied} would be denied`) : styled('green', 'none would be denied');
    const open = unasked > 0 ? [styled('yellow', `${unasked} could not be asked about`)] : [];
    return [...table, [`${judged} running Pods judged`, found, `${allowed} would be allowed`, ...open, `${excluded} in excluded namespaces left out`].join('; ')];
  }
}
