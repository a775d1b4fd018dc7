/** The Prometheus rules of a kit: rule files, and PrometheusRule objects among the manifests. */
import { listOf, objectOf, textOf, type DocumentSet, type Json } from './documents.ts';

export interface RuleFact {
  readonly path: string;
  readonly group: string;
  readonly kind: 'alert' | 'record';
  readonly name: string;
  /** The rule as it is written, but for its name. */
  readonly body: Json;
}

/** In the kit's order. */
export function gatherRules(documents: DocumentSet): RuleFact[] {
  const files = documents.yaml('rules').map(({ record, value }) => [record.path, objectOf(value)['groups'] ?? objectOf(objectOf(value)['spec'])['groups']] as const);
  const objects = documents.yaml('manifests').flatMap(({ record, value }) => (isRuleObject(value) ? [[record.path, objectOf(value['spec'])['groups']] as const] : []));
  return [...files, ...objects].flatMap(([path, groups]) => listOf(groups).map(objectOf).flatMap((group) => rulesOf(path, group)));
}

export function isRuleObject(value: unknown): value is Json {
  return objectOf(value)['kind'] === 'PrometheusRule';
}

function rulesOf(path: string, group: Json): RuleFact[] {
  return listOf(group['rules']).map(objectOf).map(({ alert, record, ...body }) => ({
    path,
    group: textOf(group['name']) ?? '',
    kind: alert === undefined ? 'record' : 'alert',
    name: textOf(alert ?? record) ?? '',
    body,
  }));
}
