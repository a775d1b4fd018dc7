/** When each alert fires. Thresholds come from the contract; a missing series keeps every alert silent but those on absence. */
import { alertThresholds as t } from '../../contract/alerts.ts';
import type { AlertName } from '../../contract/alerts.ts';
import { components } from '../../contract/label-values.ts';
import { metrics } from '../../contract/metrics.ts';
import { absent, increase, rate, select, type Matchers } from './promql.ts';
import { recordedSeries } from './recorded-series.ts';

interface AlertCondition {
  readonly expr: string;
  /** How long it must hold without a break; at once when absent. */
  readonly forMinutes?: number;
}

const hour = 3600;
const day = 24 * hour;

const pods = recordedSeries.pods.record;

/** Share of the bytes that a buffer may have; none of a disk that fails. */
export function bufferFill(matchers?: Matchers<typeof metrics.bufferBytes | typeof metrics.bufferBytesMax>): string {
  return `${select(metrics.bufferBytes, matchers)} / (${select(metrics.bufferBytesMax, matchers)} > 0)`;
}

export const alertConditions: Readonly<Record<AlertName, AlertCondition>> = {
  // A cluster of which nothing was seen for a day is forgotten; where no cluster is known at all, the program itself is missed.
  ZastavaRuntimeAbsent: {
    expr: `max_over_time(${pods}[${t.absentWindowHours}h]) unless ${pods} `
      + components.map((component) => `or on (component) ${absent(metrics.buildInfo, { component })}`).join(' '),
    forMinutes: t.absentForMinutes,
  },
  ZastavaRuntimePodsMissing: {
    expr: `${pods} < ${t.podsRatioMin} * max_over_time(min_over_time(${pods}[${t.podsSteadyMinutes}m])[${t.podsWindowHours}h:1m])`,
    forMinutes: t.podsMissingForMinutes,
  },
  ZastavaRuntimeBackendLatencyHigh: {
    expr: `${recordedSeries.backendP95.record} > ${t.backendP95MsMax}`,
    forMinutes: t.backendLatencyForMinutes,
  },
  ZastavaRuntimeBackendTailLatencyHigh: {
    expr: `${recordedSeries.backendP99.record} > ${t.backendP99MsMax}`,
    forMinutes: t.backendLatencyForMinutes,
  },
  // A stream that is down has its own alert; here one is up and yet Scanner gets nothing.
  ZastavaRuntimeEventsSilent: {
    expr: `sum by (cluster) (${select(metrics.streamUp)}) > 0 unless ${rate(metrics.events, t.rateWindowMinutes, ['cluster'])} > 0`,
    forMinutes: t.eventsSilentForMinutes,
  },
  ZastavaRuntimeStreamDown: {
    expr: `${select(metrics.streamUp)} == 0`,
    forMinutes: t.streamDownForMinutes,
  },
  ZastavaRuntimeBufferFilling: {
    expr: `${bufferFill()} > ${t.bufferFillRatioMax}`,
    forMinutes: t.bufferFillingForMinutes,
  },
  ZastavaRuntimeBufferNoRoom: {
    expr: `${select(metrics.bufferBytesMax)} < ${t.bufferRoomBytesMin}`,
    forMinutes: t.bufferNoRoomForMinutes,
  },
  ZastavaRuntimeBufferDrops: {
    expr: `${increase(metrics.bufferDrops, t.rateWindowMinutes, ['cluster', 'reason'])} > 0`,
  },
  ZastavaRuntimeBufferVolatile: {
    expr: `${select(metrics.bufferVolatile)} == 1`,
  },
  ZastavaAdmissionDenySpike: {
    expr: `${recordedSeries.deniesPerMinute.record} > ${t.deniesPerMinuteMax}`,
  },
  ZastavaAdmissionLatencyHigh: {
    expr: `${recordedSeries.admissionP99.record} > ${t.admissionP99MsMax}`,
    forMinutes: t.backendLatencyForMinutes,
  },
  ZastavaAdmissionFailOpenInUse: {
    expr: `${increase(metrics.decisions, t.rateWindowMinutes, ['cluster', 'reason'], { mode: 'failOpen' })} > 0`,
  },
  ZastavaAdmissionFailOpenExpired: {
    expr: `max by (cluster) (${select(metrics.failOpenNamespaces, { state: 'expired' })}) > 0`,
  },
  ZastavaAuthorityTokenStale: {
    expr: `${select(metrics.tokenExpiry)} <= time()`,
    forMinutes: t.tokenStaleForMinutes,
  },
  ZastavaAuthorityStaticFallbackInUse: {
    expr: `${select(metrics.tokenAge, { source: 'static' })} >= 0`,
  },
  ZastavaAuthorityStaticTokenOld: {
    expr: `${select(metrics.tokenAge, { source: 'static' })} > ${t.staticTokenHoursMax * hour}`,
  },
  ZastavaCertificateExpiring: {
    expr: `${select(metrics.certificateNotAfter)} - time() < ${t.certificateDaysMin * day}`,
  },
};
