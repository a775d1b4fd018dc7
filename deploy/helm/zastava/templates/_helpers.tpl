{{/* zastava.* with every default filled in, as JSON. Sprig's merge would take false for a missing value. */}}
{{- define "zastava.values" -}}
{{- $zastava := deepCopy (.Values.zastava | default dict) }}
{{- include "zastava.fill" (list $zastava (fromJson `{"runtime":{"authority":{"clientId":"zastava-runtime","audience":["scanner"],"scopes":["aud:scanner","api:scanner.runtime.write"],"requireDpop":true,"requireMutualTls":true,"allowStaticTokenFallback":false,"refreshSkewSeconds":120},"backend":{"baseAddress":"https://scanner.internal","eventsPath":"/api/v1/runtime/events","policyPath":"/api/v1/scanner/policy/runtime","requestTimeoutSeconds":5,"allowInsecureHttp":false},"metrics":{"commonTags":{}}},"images":{"registry":"registry.internal/zastava","pullSecrets":[]},"observer":{"procRoot":"/host/proc","batchSize":32,"flushIntervalSeconds":2,"containerd":{"socket":"/var/run/containerd/containerd.sock","root":"/var/lib/containerd","namespace":"k8s.io"},"limits":{"eventsPerSecond":50,"burst":200,"bufferBytesMax":67108864},"bufferHostPath":"/var/lib/zastava","libraries":{"max":256,"maxBytes":33554432},"security":{"appArmorProfile":"Unconfined","seLinuxType":""}},"webhook":{"replicas":3,"enforcement":{"default":"enforce","namespaces":{}},"failOpenNamespaces":[],"excludedNamespaces":["kube-system","kube-public","kube-node-lease","stellaops"],"cacheTtlSeconds":300,"resolveTags":true,"tagPolicy":"warn","registries":[],"tls":{"mode":"secret","autoApprove":false}},"monitoring":{"crds":false}}`)) }}
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
{{- $runtime := $zastava.runtime }}
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
{{- $ignoreIn := ternary ($relaxed | uniq | sortAlpha) (list) $enforced }}
{{- dict
  "put" (dict
    "observerImage" (printf "%s/observer@sha256:cffb9d878895e15befc74b1098829e5b5c945f83e01015b5759198f5a0d9c214" $zastava.images.registry)
    "webhookImage" (printf "%s/webhook@sha256:46196b4438cbb6a366c235ff8c961c01eaeb0b4616ffd74a6c524cc72d4615b0" $zastava.images.registry)
    "observerConfig" ($observerConfig)
    "observerConfigSha256" (sha256sum $observerConfig)
    "webhookConfig" ($webhookConfig)
    "webhookConfigSha256" (sha256sum $webhookConfig)
    "procRoot" ($observer.procRoot)
    "containerdRoot" ($observer.containerd.root)
    "containerdSocketFolder" (dir $observer.containerd.socket)
    "bufferHostPath" ($observer.bufferHostPath)
    "appArmorType" (first $appArmor)
    "appArmorLocalhostProfile" (rest $appArmor | join "/")
    "seLinuxType" ($observer.security.seLinuxType)
    "webhookReplicas" ($webhook.replicas)
    "caBundle" (get $tls "caBundle" | b64enc)
    "signerName" (get $tls "signerName")
    "registrySecret" (get $webhook "registrySecret")
  )
  "each" (dict
    "pullSecrets" ($zastava.images.pullSecrets)
    "failNotIn" ($failNotIn)
    "failIn" ($failIn)
    "ignoreNotIn" ($ignoreNotIn)
    "ignoreIn" ($ignoreIn)
  )
  "when" (dict
    "dpop" ($authority.requireDpop)
    "mutualTls" ($authority.requireMutualTls)
    "staticToken" ($authority.allowStaticTokenFallback)
    "certificateFromSecret" (eq $tls.mode "secret")
    "certificateFromCsr" (eq $tls.mode "csr")
    "autoApprove" ($tls.autoApprove)
    "registryAccess" (hasKey $webhook "registrySecret")
    "appArmor" (ne (first $appArmor) "None")
    "appArmorLocalhost" (eq (first $appArmor) "Localhost")
    "seLinux" (ne $observer.security.seLinuxType "")
    "customResources" ($zastava.monitoring.crds)
    "nothingEnforced" (and (empty $failNotIn) (empty $failIn))
    "failOpen" (or $ignoreNotIn $ignoreIn | empty | not)
  )
| toJson }}
{{- end }}
