/** The rules, each with one mistake in it: a threshold a twentieth off, a comparison turned round, a label or value another one, a duration another one. */
import { buildRuleGroups, type AlertingRule, type RuleGroup } from '../../src/constructs/observability/rules.ts';
import type { AlertName } from '../../src/contract/alerts.ts';

type Rule = RuleGroup['rules'][number];

export interface RuleMutant {
  readonly alert: AlertName;
  /** What was changed into what. */
  readonly mistake: string;
  readonly groups: readonly RuleGroup[];
}

const rules = buildRuleGroups().flatMap((group) => group.rules);
const nameOf = (rule: Rule): string => ('alert' in rule ? rule.alert : rule.record);

/** An alert behind the recorded series that it reads, which is all that promtool needs to judge it. */
export function rulesOf(alert: AlertName): Rule[] {
  const own = rules.find((rule) => nameOf(rule) === alert) as AlertingRule;
  return [...rules.filter((rule) => 'record' in rule && own.expr.includes(rule.record)), own];
}

export function mutantsOf(alert: AlertName): RuleMutant[] {
  const all = rulesOf(alert);
  return all.flatMap((rule, index) => changesOf(rule).map(([mistake, mutant]) => ({
    alert, mistake: `${nameOf(rule)}: ${mistake}`, groups: [{ name: 'mutant', rules: all.with(index, mutant) }],
  })));
}

/** A place in an expression, and what a mistake would make of it. */
const replacements: readonly (readonly [RegExp, (found: string) => string[]])[] = [
  // Numbers that are no part of a name or of a duration. Zero has no twentieth.
  [/(?<![\w:.[])\d+(\.\d+)?(?![\w:.])/g, (found) => (Number(found) === 0 ? ['2'] : [String(Number(found) * 1.05), String(Number(found) * 0.95)])],
  [/(?<= )(>=|<=|==|>|<)(?= )/g, (found) => [{ '>': '<', '<': '>', '==': '!=', '>=': '<', '<=': '>' }[found] as string]],
  [/(?<==")[^"]+(?=")/g, () => ['another']],
  [/\{\w+="[^"]+"\}/g, () => ['']],
  [/(?<=by \()[^)]+(?=\))/g, (found) => found.split(', ').map((label) => found.split(', ').filter((each) => each !== label).join(', '))],
  [/\bunless\b/g, () => ['and']],
];

function changesOf(rule: Rule): [mistake: string, mutant: Rule][] {
  const inExpression = replacements.flatMap(([place, wrong]) => [...rule.expr.matchAll(place)].flatMap((match) => wrong(match[0]).map((text): [string, Rule] =>
    [`${match[0]} → ${text || 'nothing'} at ${match.index}`, { ...rule, expr: rule.expr.slice(0, match.index) + text + rule.expr.slice(match.index + match[0].length) }])));
  if (!('alert' in rule)) return inExpression;
  const { for: duration, ...atOnce } = rule;
  const later = duration === undefined ? { ...rule, for: '1m' } : { ...rule, for: `${Number.parseInt(duration, 10) * 2}m` };
  return [
    ...inExpression,
    [`for: ${later.for}`, later],
    ...(duration === undefined ? [] : [['no for', atOnce] satisfies [string, Rule]]),
    ['severity: info', { ...rule, labels: { severity: 'info' } }],
    ['a label more', { ...rule, labels: { ...rule.labels, team: 'a' } } as Rule],
  ];
}
