/**
 * promtool's unit tests of an alert, made from two states of the series that it reads: one that just calls for it and one that
 * just does not. From these come the six histories that every alert must stand.
 */
import { buildRuleGroups, type AlertingRule } from '../../src/constructs/observability/rules.ts';
import type { AlertName } from '../../src/contract/alerts.ts';

/** One series in both states: a gauge's value, or what a counter grows by in a step; a function is asked with the time in seconds. */
interface Level {
  readonly type: 'gauge' | 'counter';
  readonly metric: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly good: number | ((seconds: number) => number);
  readonly bad: number | ((seconds: number) => number);
}

export interface AlertSpec {
  /** Labels of the alert beside severity and cluster. */
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: string;
  readonly description: string;
  /** Minutes from the first bad sample until the expression holds: a rate needs two samples. */
  readonly leadMinutes: number;
  readonly forMinutes: number;
  readonly levels: readonly Level[];
}

interface Expected {
  readonly labels: Readonly<Record<string, string>>;
  readonly description: string;
}

/** A test group of promtool's file; `fires` is empty where the alert must be silent. */
export interface History {
  readonly name: string;
  readonly series: readonly { readonly series: string; readonly values: string }[];
  readonly checks: readonly { readonly minutes: number; readonly fires: readonly Expected[] }[];
}

/** Of one scrape: good, bad, nothing at all (the target is gone), or the first after the program has started anew. */
type State = 'good' | 'bad' | 'gone' | 'restarted bad' | 'restarted good';

const stepSeconds = 30;
const stepsOf = (minutes: number): number => (minutes * 60) / stepSeconds;
const repeat = (state: State, minutes: number): State[] => Array<State>(stepsOf(minutes)).fill(state);

/** Longer than any window of a rate. */
const windowMinutes = 6;

/** The histories that every alert must stand. */
export function historiesOf(spec: AlertSpec): History[] {
  const { leadMinutes, forMinutes } = spec;
  const due = leadMinutes + forMinutes;
  const alert = { labels: { severity: spec.severity, cluster: 'c1', ...spec.labels }, description: spec.description };
  const c1 = (states: readonly State[], instance = 'a'): History['series'] => render(spec.levels, { cluster: 'c1', instance }, states);
  const good = render(spec.levels, { cluster: 'c2', instance: 'z' }, repeat('good', due + 30));
  const early = forMinutes === 0 ? [] : [{ minutes: due - stepSeconds / 60, fires: [] }];
  return [
    { name: 'fires when it is due, for the cluster that it is about', series: [...c1(repeat('bad', due + 5)), ...good], checks: [...early, { minutes: due, fires: [alert] }] },
    { name: 'is silent just below', series: c1(repeat('good', due + 30)), checks: [{ minutes: due, fires: [] }, { minutes: due + 20, fires: [] }] },
    { name: 'ends when all is well again', series: c1([...repeat('bad', due + 5), ...repeat('good', windowMinutes + 2)]),
      checks: [{ minutes: due + 2, fires: [alert] }, { minutes: due + 5 + windowMinutes, fires: [] }] },
    { name: 'takes a restart neither for the end nor for the cause', series: [...c1([...repeat('bad', due + 5), 'restarted bad', ...repeat('bad', 5)]),
      ...render(spec.levels, { cluster: 'c2', instance: 'z' }, [...repeat('good', due + 5), 'restarted good', ...repeat('good', 5)])],
      checks: [{ minutes: due + 6, fires: [alert] }, { minutes: due + 8, fires: [alert] }] },
    { name: 'is silent about what has gone, and goes on about what is left', series: [...c1([...repeat('bad', due + 12)]),
      ...render(spec.levels, { cluster: 'c3', instance: 'y' }, [...repeat('bad', due), ...repeat('gone', 12)])], checks: [{ minutes: due + windowMinutes, fires: [alert] }] },
    { name: 'needs one node only', series: c1(repeat('bad', due + 5)), checks: [{ minutes: due, fires: [alert] }] },
  ];
}

/** promtool's notation of a counter or a gauge through these states. */
export function render(levels: readonly Level[], own: Readonly<Record<string, string>>, states: readonly State[]): History['series'] {
  return levels.map(({ type, metric, labels = {}, ...level }) => {
    let counted = 0;
    const values = states.map((state, step) => {
      if (state === 'gone') return 'stale';
      const of = level[state.endsWith('bad') ? 'bad' : 'good'];
      const value = typeof of === 'number' ? of : of(step * stepSeconds);
      if (type === 'gauge') return String(value);
      counted = step === 0 || state.startsWith('restarted') ? value : counted + value;
      return String(counted);
    });
    return { series: seriesOf(metric, { ...labels, ...own }), values: values.join(' ') };
  });
}

function seriesOf(metric: string, labels: Readonly<Record<string, string>>): string {
  return `${metric}{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(', ')}}`;
}

/** The texts of the rules file, but for the description, which a history says itself. */
const texts = new Map(buildRuleGroups().flatMap(({ rules }) => rules.filter((rule): rule is AlertingRule => 'alert' in rule).map((rule) => [rule.alert, rule.annotations])));

/** promtool's file. @param rules path of the rules file @param evaluationSeconds how often the rules are evaluated */
export function renderTests(rules: string, alert: AlertName, histories: readonly History[], evaluationSeconds = stepSeconds): string {
  const tests = histories.map(({ name, series, checks }) => ({
    name: `${alert} ${name}`,
    interval: `${stepSeconds}s`,
    input_series: series,
    alert_rule_test: checks.map(({ minutes, fires }) => ({
      alertname: alert,
      eval_time: `${minutes * 60}s`,
      exp_alerts: fires.map(({ labels, description }) => ({ exp_labels: labels, exp_annotations: { ...texts.get(alert), description } })),
    })),
  }));
  return JSON.stringify({ rule_files: [rules], evaluation_interval: `${evaluationSeconds}s`, tests });
}
