/**
 * templates/checks.yaml: what no JSON schema says. Keys that a site must give, and the rules between keys of
 * src/config/value-rules.ts in the words of Helm, all listed at once, with the same texts. Helm, run over bad values, proves both equal.
 */
import { parseValues } from '../../config/parse-values.ts';
import { containerFolders, metricLabels } from '../../config/value-rules.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { namespacesNeverJudged } from '../../contract/names.ts';
import { requiredPaths } from './chart-values.ts';

export function renderChecks(): string {
  return `{{/* Refuses values that contradict each other; makes no object. The same rules as \`zastava values check\`. */}}
{{- with include "zastava.problems" . | fromJsonArray }}
  {{- fail (printf "the values have %s:\\n  %s\\n" (ternary "a problem" (printf "%d problems" (len .)) (eq (len .) 1)) (join "\\n  " .)) }}
{{- end }}
{{- define "zastava.problems" -}}
${lines.join('\n')}
{{- toJson $problems }}
{{- end }}
`;
}

/** One more problem. Texts in quotes are put as they are, others are expressions. */
function problem(where: string, expected: string, found: string, todo?: string): string {
  return `{{- $problems = append $problems (print ${where} ": expected " ${expected} ", found " ${found}${todo === undefined ? '' : ` "; ${todo}"`}) }}`;
}

function list(texts: Iterable<string>): string {
  return `(list ${[...texts].map((text) => JSON.stringify(text)).join(' ')})`;
}

/** What is missing from values with nothing in them, in the words of the schema. */
function missing(): Problem[] {
  try {
    parseValues(JSON.stringify({ zastava: { runtime: { authority: {}, metrics: { commonTags: {} } } } }), 'empty values');
  } catch (error) {
    if (error instanceof ZastavaError) return error.problems.filter(({ where }) => requiredPaths().includes(where));
    throw error;
  }
  return [];
}

/** As its own text in /run, which /var/run is in the image. */
const folded = (path: string) => `(printf "%s/" (regexReplaceAll "^/var/run(/|$)" ${path} "/run\${1}"))`;
const within = (inner: string, outer: string) => `(hasPrefix ${folded(outer)} ${folded(inner)})`;

const lines = [
  '{{- $zastava := include "zastava.values" . | fromJson }}',
  '{{- $runtime := $zastava.runtime }}',
  '{{- $observer := $zastava.observer }}',
  '{{- $webhook := $zastava.webhook }}',
  '{{- $problems := list }}',
  ...missing().flatMap(({ where, expected, found }) => {
    const steps = where.split('.');
    return [
      `{{- if not (hasKey $${steps.slice(0, -1).join('.')} ${JSON.stringify(steps.at(-1))}) }}`,
      problem(JSON.stringify(where), JSON.stringify(expected), JSON.stringify(found)), '{{- end }}',
    ];
  }),

  '{{- if hasPrefix "http:" (get $runtime.authority "issuer") }}',
  problem('"zastava.runtime.authority.issuer"', '"an https URL"', '"http"'), '{{- end }}',
  '{{- if and (hasPrefix "http:" $runtime.backend.baseAddress) (not $runtime.backend.allowInsecureHttp) }}',
  problem('"zastava.runtime.backend.baseAddress"', '"an https URL"', '"http"', 'use https, or set backend.allowInsecureHttp in a lab'), '{{- end }}',

  `{{- $labels := ${list(metricLabels)} }}`,
  '{{- range $tag, $_ := $runtime.metrics.commonTags }}',
  '{{- $where := printf "zastava.runtime.metrics.commonTags.%s" $tag }}',
  '{{- if or (not (regexMatch "^[a-zA-Z_][a-zA-Z0-9_]{0,63}$" $tag)) (hasPrefix "__" $tag) }}',
  problem('$where', '"a Prometheus label name"', '"another name"'),
  '{{- else if has $tag $labels }}',
  problem('$where', '"a name that no metric uses as a label"', '"the label " $tag'), '{{- end }}',
  '{{- end }}',

  `{{- $taken := ${list(containerFolders)} }}`,
  '{{- range list (list "procRoot" $observer.procRoot) (list "containerd.root" $observer.containerd.root) (list "containerd.socket" (dir $observer.containerd.socket | trimSuffix "/")) }}',
  '{{- $path := index . 1 }}',
  '{{- $clashes := list }}',
  '{{- range $taken }}',
  `{{- if or ${within('$path', '.')} ${within('.', '$path')} }}`,
  '{{- $clashes = append $clashes . }}', '{{- end }}',
  '{{- end }}',
  '{{- if $clashes }}',
  problem('"zastava.observer." (index . 0)', '"a folder apart from " (first $clashes)', '(default "/" $path)'), '{{- end }}',
  '{{- $taken = append $taken $path }}',
  '{{- end }}',
  `{{- if ${within('$observer.bufferHostPath', '$observer.containerd.root')} }}`,
  problem('"zastava.observer.bufferHostPath"', '"a folder outside containerd.root"', '$observer.bufferHostPath'), '{{- end }}',

  '{{- $failOpen := list }}',
  '{{- range $webhook.failOpenNamespaces }}', '{{- $failOpen = append $failOpen .name }}', '{{- end }}',
  '{{- range list (list "excludedNamespaces" $webhook.excludedNamespaces) (list "failOpenNamespaces" $failOpen) (list "registries" $webhook.registries) }}',
  '{{- $key := index . 0 }}',
  '{{- $seen := list }}',
  '{{- range $index, $name := index . 1 }}',
  '{{- if has $name $seen }}',
  problem('(printf "zastava.webhook.%s[%d]" $key $index)', '"each name once"', '$name " again"'), '{{- end }}',
  '{{- $seen = append $seen $name }}',
  '{{- end }}',
  '{{- end }}',
  `{{- range ${list(namespacesNeverJudged)} }}`,
  '{{- if not (has . $webhook.excludedNamespaces) }}',
  problem('"zastava.webhook.excludedNamespaces"', '"a list with " .', '"a list without it"', 'add it: the cluster could not start again while the webhook is down'), '{{- end }}',
  '{{- end }}',
  '{{- range $name, $mode := $webhook.enforcement.namespaces }}',
  '{{- if has $name $webhook.excludedNamespaces }}',
  problem('"zastava.webhook.enforcement.namespaces." $name', '"a namespace that is judged"', '$mode " for one of excludedNamespaces"'), '{{- end }}',
  '{{- end }}',
  '{{- range $index, $name := $failOpen }}',
  '{{- $where := printf "zastava.webhook.failOpenNamespaces[%d].name" $index }}',
  '{{- $mode := hasKey $webhook.enforcement.namespaces $name | ternary (get $webhook.enforcement.namespaces $name) $webhook.enforcement.default }}',
  '{{- if has $name $webhook.excludedNamespaces }}',
  problem('$where', '"a namespace that is judged"', '$name ", one of excludedNamespaces"'),
  '{{- else if ne $mode "enforce" }}',
  problem('$where', '"a namespace that is enforced"', '$name ", which has " $mode " and is never denied"'), '{{- end }}',
  '{{- end }}',

  '{{- if not (hasKey $webhook.tls "caBundle") }}',
  problem('"zastava.webhook.tls.caBundle"', '"public CA certificates in PEM"', '"nothing"', 'paste the public certificate of the CA that signs the serving certificate; the API server trusts no other'), '{{- end }}',
  '{{- if and (eq $webhook.tls.mode "csr") (not (hasKey $webhook.tls "signerName")) }}',
  problem('"zastava.webhook.tls.signerName"', '"a signer, since tls.mode is csr"', '"nothing"', 'name the signer of your cluster; Kubernetes has none of its own for this'), '{{- end }}',
];
