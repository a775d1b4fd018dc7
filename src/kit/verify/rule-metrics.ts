/**
 * Every metric that the rules use is in the catalogue: an alert on a name that nothing emits never fires, and nobody
 * notices. Expressions are parsed with Prometheus' own grammar.
 */
import { parser } from '@prometheus-io/lezer-promql';
import { refusal } from '../../bytes/refusal.ts';
import type { KitDocument } from './contents.ts';
import { readYaml } from './image-references.ts';
import type { Tally } from './report.ts';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** Series that Prometheus makes itself. */
const ownSeries = ['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added', 'ALERTS', 'ALERTS_FOR_STATE'];
const seriesOfType: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** Rules are files of role `rules`, and objects of kind PrometheusRule among the manifests. */
export function verifyRuleMetrics(documents: readonly KitDocument[], tally: Tally): void {
  const ofRole = (role: string): KitDocument[] => documents.filter(({ record }) => record.role === role);
  const known = new Set(ownSeries);
  for (const document of ofRole('catalogue')) tally.guard(() => readCatalogue(document).forEach((name) => known.add(name)));
  const rules = [...ofRole('rules'), ...ofRole('manifests')].flatMap((document) => tally.guard(() => readRules(document)) ?? []);
  for (const { where, expr, record } of rules) {
    tally.add();
    if (record !== undefined && !known.has(record)) tally.report('kit.metric-unknown', { where, expected: 'a recorded series of the catalogue', found: record });
    for (const metric of tally.guard(() => metricsOf(where, expr)) ?? []) {
      if (!known.has(metric)) tally.report('kit.metric-unknown', { where, expected: 'a metric of the catalogue', found: metric });
    }
  }
}

interface Rule {
  readonly where: string;
  readonly expr: string;
  readonly record: string | undefined;
}

/** Names of the series that the catalogue allows for. Throws `kit.document-invalid`. */
function readCatalogue({ record, bytes }: KitDocument): string[] {
  try {
    const { metrics, recorded = [] } = JSON.parse(bytes.toString('utf8')) as { metrics: { name: string; type: string }[]; recorded?: string[] };
    return [...metrics.flatMap(({ name, type }) => (seriesOfType[type] ?? ['']).map((suffix) => `${name}${suffix}`)), ...recorded];
  } catch (cause) {
    throw refusal('kit.document-invalid', { where: record.path, expected: 'a catalogue of metrics', found: 'another document' }, cause);
  }
}

function readRules({ record, bytes }: KitDocument): Rule[] {
  return readYaml(record.path, bytes).flatMap((document) => {
    const { kind, spec, groups } = asObject(document.toJS({ maxAliasCount: 100 }));
    if (record.role === 'manifests' && kind !== 'PrometheusRule') return [];
    const list = asArray(kind === 'PrometheusRule' ? asObject(spec)['groups'] : groups);
    if (list === undefined) throw refusal('kit.document-invalid', { where: record.path, expected: 'groups of rules', found: 'none' });
    return list.flatMap((group) => rulesOf(record.path, asObject(group)));
  });
}

function rulesOf(path: string, group: Readonly<Record<string, unknown>>): Rule[] {
  return (asArray(group['rules']) ?? []).map((value, index) => {
    const { alert, record, expr } = asObject(value);
    const where = `${path}: ${group['name']}, ${alert ?? record ?? `rule ${index + 1}`}`;
    if (typeof expr !== 'string' && typeof expr !== 'number') throw refusal('kit.document-invalid', { where, expected: 'an expression', found: 'none' });
    return { where, expr: String(expr), record: record === undefined ? undefined : String(record) };
  });
}

/** Names that an expression selects by. Throws `kit.document-invalid` for what is not PromQL or selects without a name. */
function metricsOf(where: string, expr: string): Set<string> {
  const names = new Set<string>();
  parser.parse(expr).iterate({
    enter({ node, type }) {
      if (type.isError) throw refusal('kit.document-invalid', { where, expected: 'PromQL', found: `an error at character ${node.from + 1} of ${expr}` });
      if (type.name === 'VectorSelector') names.add(selectedName(where, expr, node));
    },
  });
  return names;
}

/** `name{…}`, `{"name", …}` or `{__name__="name", …}`. */
function selectedName(where: string, expr: string, selector: SyntaxNode): string {
  const text = (node: SyntaxNode | null | undefined): string => (node ? expr.slice(node.from, node.to) : '');
  const name = selector.getChild('Identifier');
  if (name) return text(name);
  const matchers = selector.getChild('LabelMatchers');
  const quoted = matchers?.getChild('QuotedLabelName');
  if (quoted) return text(quoted).slice(1, -1);
  const byLabel = matchers?.getChildren('UnquotedLabelMatcher').find((matcher) => text(matcher.getChild('LabelName')) === '__name__');
  if (byLabel && text(byLabel.getChild('MatchOp')) === '=') return text(byLabel.getChild('StringLiteral')).slice(1, -1);
  throw refusal('kit.metric-unknown', { where, expected: 'selectors that name their metric', found: text(selector) });
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asArray(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
