/** What each alert tells the person it wakes: what is so, with the value, and what to do first. */
import { alertThresholds as t } from '../../contract/alerts.ts';
import type { AlertName } from '../../contract/alerts.ts';
import { metrics } from '../../contract/metrics.ts';

interface AlertText {
  readonly summary: string;
  readonly description: string;
  readonly action: string;
}

const cluster = 'cluster {{ $labels.cluster }}';
const pod = '{{ $labels.instance }} in cluster {{ $labels.cluster }}';

export const alertTexts: Readonly<Record<AlertName, AlertText>> = {
  ZastavaRuntimeAbsent: {
    summary: 'A program of the runtime plane is not there at all.',
    description: `No {{ $labels.component }} has been seen {{ with $labels.cluster }}in cluster {{ . }}, which had {{ $value }} within a day{{ else }}in any cluster{{ end }}.`,
    action: 'See whether its Pods run; if they do, see whether Prometheus scrapes them.',
  },
  ZastavaRuntimePodsMissing: {
    summary: 'Pods of the runtime plane are missing.',
    description: `Only {{ $value }} Pods of {{ $labels.component }} are left in ${cluster}, less than ${t.podsRatioMin * 100} % of those within the last hour.`,
    action: 'See which Pods are not ready; when nodes were taken away on purpose, it ends within the hour.',
  },
  ZastavaRuntimeBackendLatencyHigh: {
    summary: 'Scanner answers slowly.',
    description: `P95 of calls to {{ $labels.endpoint }} is {{ $value | printf "%.0f" }} ms in ${cluster}; the limit is ${t.backendP95MsMax} ms.`,
    action: 'Check the health of Scanner; then look at queue age and drops of the observers.',
  },
  ZastavaRuntimeBackendTailLatencyHigh: {
    summary: 'A few calls to Scanner are very slow.',
    description: `P99 of calls to {{ $labels.endpoint }} is {{ $value | printf "%.0f" }} ms in ${cluster}; the limit is ${t.backendP99MsMax} ms.`,
    action: 'Check the health of Scanner and of its database; see on the dashboard which outcome is slow.',
  },
  ZastavaRuntimeEventsSilent: {
    summary: 'Observers are connected but Scanner gets no events.',
    description: `No event was accepted for ${t.eventsSilentForMinutes} minutes in ${cluster}, although {{ $value }} container streams are up.`,
    action: 'Read the observers\' logs for refused calls and tokens; a cluster in which nothing starts is silent, too.',
  },
  ZastavaRuntimeStreamDown: {
    summary: 'An observer does not see its container runtime.',
    description: `The {{ $labels.stream }} stream of ${pod} has been down for ${t.streamDownForMinutes} minutes (${metrics.streamUp.name} is {{ $value }}).`,
    action: 'Check containerd on the node, and the socket path in the values.',
  },
  ZastavaRuntimeBufferFilling: {
    summary: 'The event buffer of an observer is filling up.',
    description: `The buffer of ${pod} is {{ $value | humanizePercentage }} full; events are dropped when it is full.`,
    action: 'Check whether Scanner accepts events; the buffer drains by itself once it does.',
  },
  ZastavaRuntimeBufferNoRoom: {
    summary: 'The disk has no room for the event buffer of an observer, or fails.',
    description: `The buffer of ${pod} may grow to {{ $value | humanize1024 }}B with what its disk has left{{ if eq $value 0.0 }}: the disk fails, and events are in memory only{{ end }}.`,
    action: 'Make room on the node\'s disk, or see why it fails; the observer uses it again by itself.',
  },
  ZastavaRuntimeBufferDrops: {
    summary: 'Observers drop events.',
    description: `{{ $value | printf "%.0f" }} events were dropped ({{ $labels.reason }}) in ${t.rateWindowMinutes} minutes in ${cluster}.`,
    action: 'See the reason: bufferFull is Scanner or the size in the values, bufferCorrupt the disk, eventRejected an event that Scanner refused: it is not kept, the log has its id.',
  },
  ZastavaRuntimeBufferVolatile: {
    summary: 'The event buffer of an observer does not survive a reboot.',
    description: `The buffer of ${pod} lies on tmpfs (${metrics.bufferVolatile.name} is {{ $value }}).`,
    action: 'Set observer.bufferHostPath to a folder on a disk.',
  },
  ZastavaAdmissionDenySpike: {
    summary: 'Many workloads are denied.',
    description: `{{ $value | printf "%.0f" }} denies a minute in ${cluster}; the limit is ${t.deniesPerMinuteMax}.`,
    action: 'Read the decisions in the webhook\'s log: one image or namespace, or all of them?',
  },
  ZastavaAdmissionLatencyHigh: {
    summary: 'Admission is close to its deadline.',
    description: `P99 of admissions is {{ $value | printf "%.0f" }} ms in ${cluster}; the limit is ${t.admissionP99MsMax} ms.`,
    action: 'See on the dashboard which stage is slow: Scanner (policy), a registry (resolve), or the webhook itself.',
  },
  ZastavaAdmissionFailOpenInUse: {
    summary: 'Workloads were admitted unjudged.',
    description: `{{ $value | printf "%.0f" }} admissions in ${cluster} failed open ({{ $labels.reason }}) in ${t.rateWindowMinutes} minutes.`,
    action: 'Find out why no verdict could be had, and list what was admitted from the webhook\'s log.',
  },
  ZastavaAdmissionFailOpenExpired: {
    summary: 'A fail-open exception has run out.',
    description: `{{ $value }} namespaces in ${cluster} are past their until and enforced again.`,
    action: 'Remove the entries from webhook.failOpenNamespaces, or renew them after a new risk assessment.',
  },
  ZastavaAuthorityTokenStale: {
    summary: 'A program has no fresh OpTok.',
    description: `The OpTok of ${pod} for {{ $labels.audience }} {{ if eq $value 0.0 }}never came{{ else }}expired at {{ $value | humanizeTimestamp }} and was not renewed{{ end }}.`,
    action: 'Check that Authority can be reached; read the program\'s log for authority.token.issue.',
  },
  ZastavaAuthorityStaticFallbackInUse: {
    summary: 'A program uses the static fallback token.',
    description: `${pod} uses a static token for {{ $labels.audience }} instead of an OpTok; it is {{ $value | humanizeDuration }} old.`,
    action: 'Restore Authority, then delete the fallback Secret.',
  },
  ZastavaAuthorityStaticTokenOld: {
    summary: 'The static fallback token is too old.',
    description: `The static token of ${pod} is {{ $value | humanizeDuration }} old; the limit is ${t.staticTokenHoursMax} hours.`,
    action: 'Rotate the Secret zastava-authority-static.',
  },
  ZastavaCertificateExpiring: {
    summary: 'A certificate ends soon.',
    description: `{{ $labels.certificate }} of ${pod} ends in {{ $value | humanizeDuration }}.`,
    action: 'Renew the certificate in its Secret; the pods take it up by themselves.',
  },
};
