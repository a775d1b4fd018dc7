/** README.md of the chart: how to install it, and the table of its values from the one schema. */
import { namespace } from '../../contract/names.ts';
import { buildJsonSchema } from '../../config/json-schema.ts';
import { isBlock, type SchemaNode } from './chart-values.ts';
import { chartName } from './chart-metadata.ts';

export function renderReadme(version: string): string {
  return `# ${chartName} ${version}

The Zastava runtime plane of StellaOps: an observer on every node, and an admission webhook. The same objects as the plain
manifests of \`npm run synth\`, from the same values file.

\`\`\`sh
helm upgrade --install zastava-runtime deploy/helm/zastava -f values/zastava-runtime.yaml --namespace ${namespace}
\`\`\`

The namespace is not in the chart: the Secrets come first, and so it is there already. It needs the label
\`pod-security.kubernetes.io/enforce: privileged\`, since the observer mounts folders of its node. The operations runbook has each step,
also for upgrade, rollback, and the way from \`audit\` to \`warn\` to \`enforce\`: begin with \`warn\`, so that no Pod waits for a webhook
that is not ready yet. Kubernetes 1.30 or newer, since AppArmor profiles are fields there.

- Images are named by digest, and moved by one value, \`zastava.images.registry\`.
- Secrets are named, never made. Custom resources are made with \`zastava.monitoring.crds\` only; the cluster is never asked.
- A change of the configuration restarts the Pods of the program that reads it, and only those. More replicas restart none.
- Values are refused as \`zastava values check\` refuses them: all problems at once.

## Values

A key without a default and without "required" may be left out.

| key | default | meaning |
|---|---|---|
${rows(buildJsonSchema() as SchemaNode, []).join('\n')}
`;
}

/** Outside the schema's `required`: the rules between keys ask for it. */
const requiredByRules = ['zastava.webhook.tls.caBundle'];

function rows(node: SchemaNode, path: readonly string[]): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, member]) => {
    const inner = [...path, key];
    const name = inner.join('.');
    if (isBlock(member)) return rows(member, inner);
    const required = node.required?.includes(key) || requiredByRules.includes(name);
    return [`| ${[`\`${name}\``, required ? 'required' : shown(member.default), (member.description ?? '').replaceAll('|', '\\|')].join(' | ')} |`];
  });
}

function shown(value: unknown): string {
  return value === undefined ? '' : `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``;
}
