/** Says what is wrong with a PromQL expression: its syntax, metrics that the catalogue does not have, labels that they do not have. */
import { parser } from '@prometheus-io/lezer-promql';
import { buildCatalogue } from '../../../src/constructs/observability/catalogue.ts';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** Labels that a scrape adds, and that of histogram buckets. */
const scrapeLabels = ['instance', 'le'];

/** Series name → its labels. */
const series = new Map<string, { readonly labels: readonly string[]; readonly values: Readonly<Record<string, readonly string[]>> }>();
for (const { name, type, labels, values } of buildCatalogue().metrics) {
  const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name];
  for (const each of names) series.set(each, { labels: [...labels, ...scrapeLabels], values });
}
for (const name of buildCatalogue().recorded) {
  series.set(name, { labels: name.slice(0, name.indexOf(':')).split('_'), values: {} });
}

/** Empty when nothing is wrong. */
export function listPromqlProblems(expr: string): string[] {
  const problems: string[] = [];
  const text = (node: SyntaxNode): string => expr.slice(node.from, node.to);
  const visit = (node: SyntaxNode): void => {
    if (node.type.isError) problems.push(`syntax error at ${node.from}`);
    if (node.name === 'VectorSelector') problems.push(...listSelectorProblems(node, text));
    if (node.name === 'AggregateExpr') problems.push(...listGroupingProblems(node, text));
    for (let child = node.firstChild; child !== null; child = child.nextSibling) visit(child);
  };
  visit(parser.parse(expr).topNode);
  return problems;
}

/** Names of all series that an expression selects. */
export function listSeries(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({ enter: (node) => {
    if (node.name === 'Identifier' && node.matchContext(['VectorSelector'])) names.push(expr.slice(node.from, node.to));
  } });
  return names;
}

function listSelectorProblems(selector: SyntaxNode, text: (node: SyntaxNode) => string): string[] {
  const identifier = selector.getChild('Identifier');
  const known = identifier === null ? undefined : series.get(text(identifier));
  if (known === undefined) return [`unknown metric in ${text(selector)}`];
  const matchers = selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return matchers.flatMap((matcher) => {
    const [label, operator, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((kind) => text(matcher.getChild(kind) as SyntaxNode));
    if (!known.labels.includes(label as string)) return [`unknown label ${label} in ${text(selector)}`];
    const allowed = known.values[label as string];
    return operator === '=' && allowed !== undefined && !allowed.includes(JSON.parse(value as string)) ? [`unknown value ${value} in ${text(selector)}`] : [];
  });
}

function listGroupingProblems(aggregate: SyntaxNode, text: (node: SyntaxNode) => string): string[] {
  const labels = aggregate.getChild('AggregateModifier')?.getChild('GroupingLabels')?.getChildren('LabelName').map(text) ?? [];
  const selected = listSeries(text(aggregate)).map((name) => series.get(name)?.labels ?? []);
  return labels.filter((label) => !selected.every((known) => known.includes(label))).map((label) => `unknown label ${label} in ${text(aggregate)}`);
}
