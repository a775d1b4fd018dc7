/** values.yaml and values.schema.json of the chart, both from the one schema. */
import { buildJsonSchema } from '../../config/json-schema.ts';
import { renderYaml } from '../render-artifacts.ts';

/** What of a JSON schema is looked at here. */
export interface SchemaNode {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly [keyword: string]: unknown;
}

/**
 * The schema of a values file, with two differences. What a site must give is asked for by checks.yaml, since Helm validates
 * values.yaml alone in `helm lint`; and Helm itself adds `global` to the values of a chart that is a part of another.
 */
export function buildChartSchema(): SchemaNode {
  const schema = withoutRequired(buildJsonSchema() as SchemaNode);
  return { ...schema, properties: { global: { type: 'object' }, ...schema.properties } };
}

/** Each key that has a default. */
export function buildDefaults(node: SchemaNode = buildJsonSchema() as SchemaNode): Record<string, unknown> {
  const members = Object.entries(node.properties ?? {}).flatMap(([key, member]): [string, unknown][] => {
    if (isBlock(member)) return [[key, buildDefaults(member)]];
    return member.default === undefined ? [] : [[key, member.default]];
  });
  return Object.fromEntries(members);
}

/** A path to each key that has no default and is required. */
export function requiredPaths(node: SchemaNode = buildJsonSchema() as SchemaNode, path: readonly string[] = []): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, member]) => {
    if (isBlock(member)) return requiredPaths(member, [...path, key]);
    return node.required?.includes(key) ? [[...path, key].join('.')] : [];
  });
}

export function isBlock(node: SchemaNode): boolean {
  return node.properties !== undefined;
}

export function renderValues(): string {
  return `# The default of every key that has one. README.md says what each means, and which keys a site must give: tenant,
# environment, deployment, issuer, the cluster's tag and the webhook's CA. Keep your own values in a file of their own.
${renderYaml(buildDefaults())}`;
}

function withoutRequired(node: SchemaNode): SchemaNode {
  if (node.properties === undefined) return node;
  const { required: _, ...rest } = node;
  return { ...rest, properties: Object.fromEntries(Object.entries(node.properties).map(([key, member]) => [key, withoutRequired(member)])) };
}
