/**
 * What src/constructs/facts.ts computes in TypeScript, as expressions of Helm: one for each fact, so that a missing one does
 * not compile (adr/0014). That both give the same is proven by running Helm, not by reading.
 */
import type { Facts } from '../../constructs/facts.ts';
import type { ImagesLock } from '../../contract/images-lock.ts';

/** Group of facts → fact → expression. */
export type FactExpressions = { readonly [Group in keyof Facts]: Readonly<Record<keyof Facts[Group], string>> };

/** Variables that the expressions share; `$zastava` has the values, with their defaults. */
export const factVariables = `{{- $runtime := $zastava.runtime }}
{{- $authority := $runtime.authority }}
{{- $observer := $zastava.observer }}
{{- $webhook := $zastava.webhook }}
{{- $tls := $webhook.tls }}
{{- $observerConfig := dict "zastava" (dict "runtime" $runtime "observer" $observer) | toRawJson }}
{{- $webhookConfig := dict "zastava" (dict "runtime" $runtime "webhook" (omit $webhook "replicas")) | toRawJson }}
{{- $appArmor := splitList "/" $observer.security.appArmorProfile }}
{{- $failOpen := list }}
{{- range $webhook.failOpenNamespaces }}
  {{- $failOpen = append $failOpen .name }}
{{- end }}
{{- $relaxed := $failOpen }}
{{- $strict := list }}
{{- range $name, $mode := $webhook.enforcement.namespaces }}
  {{- if ne $mode "enforce" }}
    {{- $relaxed = append $relaxed $name }}
  {{- else if not (has $name $failOpen) }}
    {{- $strict = append $strict $name }}
  {{- end }}
{{- end }}
{{- $enforced := eq $webhook.enforcement.default "enforce" }}
{{- $excluded := $webhook.excludedNamespaces }}
{{- $failNotIn := ternary (concat $excluded $relaxed | uniq | sortAlpha) (list) $enforced }}
{{- $failIn := ternary (list) ($strict | uniq | sortAlpha) $enforced }}
{{- $ignoreNotIn := ternary (list) (concat $excluded $strict | uniq | sortAlpha) $enforced }}
{{- $ignoreIn := ternary ($relaxed | uniq | sortAlpha) (list) $enforced }}`;

export function buildFactExpressions({ images }: ImagesLock): FactExpressions {
  return {
    put: {
      observerImage: `printf "%s/observer@${images.observer.index}" $zastava.images.registry`,
      webhookImage: `printf "%s/webhook@${images.webhook.index}" $zastava.images.registry`,
      observerConfig: '$observerConfig',
      observerConfigSha256: 'sha256sum $observerConfig',
      webhookConfig: '$webhookConfig',
      webhookConfigSha256: 'sha256sum $webhookConfig',
      procRoot: '$observer.procRoot',
      containerdRoot: '$observer.containerd.root',
      containerdSocketFolder: 'dir $observer.containerd.socket',
      bufferHostPath: '$observer.bufferHostPath',
      appArmorType: 'first $appArmor',
      appArmorLocalhostProfile: 'rest $appArmor | join "/"',
      seLinuxType: '$observer.security.seLinuxType',
      webhookReplicas: '$webhook.replicas',
      caBundle: 'get $tls "caBundle" | b64enc',
      signerName: 'get $tls "signerName"',
      registrySecret: 'get $webhook "registrySecret"',
    },
    each: {
      pullSecrets: '$zastava.images.pullSecrets',
      failNotIn: '$failNotIn',
      failIn: '$failIn',
      ignoreNotIn: '$ignoreNotIn',
      ignoreIn: '$ignoreIn',
    },
    when: {
      dpop: '$authority.requireDpop',
      mutualTls: '$authority.requireMutualTls',
      staticToken: '$authority.allowStaticTokenFallback',
      certificateFromSecret: 'eq $tls.mode "secret"',
      certificateFromCsr: 'eq $tls.mode "csr"',
      autoApprove: '$tls.autoApprove',
      registryAccess: 'hasKey $webhook "registrySecret"',
      appArmor: 'ne (first $appArmor) "None"',
      appArmorLocalhost: 'eq (first $appArmor) "Localhost"',
      seLinux: 'ne $observer.security.seLinuxType ""',
      customResources: '$zastava.monitoring.crds',
      nothingEnforced: 'and (empty $failNotIn) (empty $failIn)',
      failOpen: 'or $ignoreNotIn $ignoreIn | empty | not',
    },
  };
}
