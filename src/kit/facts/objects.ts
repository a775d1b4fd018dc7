/** The Kubernetes objects of a kit's manifests, lists taken apart. */
import { listOf, objectOf, textOf, type DocumentSet, type Json } from './documents.ts';
import { isRuleObject } from './rules.ts';

export interface ObjectFact {
  readonly path: string;
  readonly kind: string;
  /** Null for what belongs to no namespace. */
  readonly namespace: string | null;
  readonly name: string;
  /** Who may do what: RBAC, and the accounts that it is given to. */
  readonly grants: boolean;
  /** The object as it is written; the rules of a PrometheusRule are looked at on their own. */
  readonly body: Json;
}

/** In the kit's order; kustomization.yaml among them, under the name of its file. */
export function gatherObjects(documents: DocumentSet): ObjectFact[] {
  return documents.yaml('manifests').flatMap(({ record, value }) => {
    const body = objectOf(value);
    const all = textOf(body['kind'])?.endsWith('List') === true && Array.isArray(body['items']) ? listOf(body['items']).map(objectOf) : [body];
    return all.filter((each) => Object.keys(each).length > 0).map((each) => objectFact(record.path, each));
  });
}

function objectFact(path: string, object: Json): ObjectFact {
  const { namespace, name } = objectOf(object['metadata']);
  const kind = textOf(object['kind']) ?? 'unknown';
  const { spec, ...rest } = object;
  const { groups: _, ...ruleSpec } = objectOf(spec);
  return {
    path,
    kind,
    namespace: textOf(namespace),
    name: textOf(name) ?? path,
    grants: kind === 'ServiceAccount' || (textOf(object['apiVersion']) ?? '').startsWith('rbac.authorization.k8s.io/'),
    body: isRuleObject(object) ? { ...rest, spec: ruleSpec } : object,
  };
}
