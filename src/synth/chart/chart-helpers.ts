/**
 * templates/_helpers.tpl: the values with their defaults, and the facts that every template reads. Defaults are filled in here
 * again, since `helm upgrade --reuse-values` brings the values.yaml of the version before, and `null` takes a default away.
 */
import type { FactExpressions } from './fact-expressions.ts';
import { factVariables } from './fact-expressions.ts';

export function renderHelpers(facts: FactExpressions, defaults: object): string {
  const groups = Object.entries(facts).map(([group, members]) =>
    `  "${group}" (dict\n${Object.entries(members).map(([name, expression]) => `    "${name}" (${expression})`).join('\n')}\n  )`);
  return `{{/* zastava.* with every default filled in, as JSON. Sprig's merge would take false for a missing value. */}}
{{- define "zastava.values" -}}
{{- $zastava := deepCopy (.Values.zastava | default dict) }}
{{- include "zastava.fill" (list $zastava (fromJson \`${JSON.stringify(defaults)}\`)) }}
{{- toJson $zastava }}
{{- end }}

{{- define "zastava.fill" -}}
{{- $values := index . 0 }}
{{- range $key, $default := index . 1 }}
  {{- if not (hasKey $values $key) }}
    {{- $_ := set $values $key $default }}
  {{- else if kindIs "map" $default }}
    {{- include "zastava.fill" (list (get $values $key) $default) }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What the templates place, repeat and ask, as JSON. */}}
{{- define "zastava.facts" -}}
{{- $zastava := include "zastava.values" . | fromJson }}
${factVariables}
{{- dict
${groups.join('\n')}
| toJson }}
{{- end }}
`;
}
