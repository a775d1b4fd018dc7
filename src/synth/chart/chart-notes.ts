/** templates/NOTES.txt: what the runbook does next, with this release's own words. Helm shows it after install and upgrade. */
import { namespace, objectNames, secretNames } from '../../contract/names.ts';

const { observer, webhook } = objectNames;

export const notes = `{{- $facts := include "zastava.facts" . | fromJson -}}
{{- $zastava := include "zastava.values" . | fromJson -}}
Zastava runtime plane {{ .Chart.AppVersion }}, revision {{ .Release.Revision }} of the release {{ .Release.Name }}. Everything is in the namespace ${namespace}.

1. The Pods wait for these Secrets (runbook 2.1, step 3), if they are not there yet:
{{- if $facts.when.dpop }}
     ${secretNames.dpop}
{{- end }}
{{- if $facts.when.mutualTls }}
     ${secretNames.mtls}
{{- end }}
{{- if $facts.when.certificateFromSecret }}
     ${secretNames.webhookTls}
{{- end }}
{{- if $facts.when.registryAccess }}
     {{ $facts.put.registrySecret }}
{{- end }}

2. Verify (runbook 2.1, step 6):
     kubectl -n ${namespace} rollout status ds/${observer}
     kubectl -n ${namespace} rollout status deploy/${webhook}
     kubectl -n ${namespace} logs ds/${observer} --tail=20
     kubectl get validatingwebhookconfiguration ${webhook}
{{- if $facts.when.nothingEnforced }}

3. Nothing is enforced yet: no Pod is denied, and none waits for the webhook. When its decisions are what you expect, set
   zastava.webhook.enforcement to enforce, for single namespaces or as the default (runbook 2.1, step 7).
{{- else }}

3. Pods of enforced namespaces need an answer of the webhook from now on: until it is ready they are not created.
{{- if .Release.IsInstall }}
   This is a first install: if Pods must not wait, set zastava.webhook.enforcement.default to warn until it is ready.
{{- end }}
{{- end }}

4. {{ if .Release.IsInstall }}Record the installation{{ else }}Upgrade gate: P95 of zastava.runtime.backend.latency.ms below 250 ms, smoke tests (runbook 2.2). Then record it{{ end }} in the ops log (run it in the repository of your values):
     echo "$(date -u +%FT%TZ) {{ $zastava.runtime.deployment }}: {{ .Release.Name }} revision {{ .Release.Revision }}, chart {{ .Chart.Name }}-{{ .Chart.Version }}, values $(git rev-parse HEAD)"

Back: helm history {{ .Release.Name }} -n {{ .Release.Namespace }}; helm rollback {{ .Release.Name }} REVISION -n {{ .Release.Namespace }} (runbook 2.3)
`;
