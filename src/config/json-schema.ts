/** values.schema.json of the chart, made from the one schema: what Helm and editors refuse is what the loader refuses. */
import * as z from 'zod';
import { valuesSchema } from './schema.ts';
import { valueDescriptions } from './value-descriptions.ts';

type Node = { readonly properties?: Readonly<Record<string, Node>> };

/** JSON Schema draft 7 of a site's values file; both Helm 3 and Helm 4 read it. Rules between keys are not in it. */
export function buildJsonSchema(): object {
  return described(z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input' }) as Node, []);
}

function described(node: Node, path: readonly string[]): Node {
  const description = valueDescriptions[path.join('.')];
  const properties = Object.entries(node.properties ?? {}).map(([key, member]) => [key, described(member, [...path, key])]);
  return {
    ...(description === undefined ? {} : { description }), ...node,
    ...(node.properties === undefined ? {} : { properties: Object.fromEntries(properties) as Node['properties'] }),
  } as Node;
}
