/** All histories of all alerts: those that every alert must stand, and what is particular to one. */
import type { AlertName } from '../../src/contract/alerts.ts';
import { alertSpecs } from './alert-specs.ts';
import { historiesOf, render, type History } from './timelines.ts';

const stepsAMinute = 2;
const info = 'zastava_build_info';
const pod = (cluster: string, component: string, instance: string, ...spans: readonly (readonly [state: 'there' | 'gone', minutes: number])[]): History['series'][number] => ({
  series: `${info}{component="${component}", version="1.0.0", cluster="${cluster}", instance="${instance}"}`,
  values: spans.map(([state, minutes]) => Array(minutes * stepsAMinute).fill(state === 'there' ? 1 : 'stale').join(' ')).join(' '),
});

const absent = (component: string, cluster?: string, value = 1): History['checks'][number]['fires'][number] => ({
  labels: { severity: 'critical', component, ...(cluster !== undefined && { cluster }) },
  description: `No ${component} has been seen ${cluster === undefined ? 'in any cluster' : `in cluster ${cluster}, which had ${value} within a day`}.`,
});
const missing = (component: string, left: number): History['checks'][number]['fires'][number] => ({
  labels: { severity: 'warning', component, cluster: 'c1' },
  description: `Only ${left} Pods of ${component} are left in cluster c1, less than 75 % of those within the last hour.`,
});

const absentHistories: readonly History[] = [
  { name: 'fires where nothing was ever seen, for both programs', series: [], checks: [{ minutes: 4.5, fires: [] }, { minutes: 5, fires: [absent('observer'), absent('webhook')] }] },
  { name: 'fires for the cluster that has lost a program', checks: [{ minutes: 14.5, fires: [] }, { minutes: 15.5, fires: [absent('webhook', 'c1', 2)] }], series: [
    pod('c1', 'webhook', 'a', ['there', 10], ['gone', 20]), pod('c1', 'webhook', 'b', ['there', 10], ['gone', 20]),
    pod('c1', 'observer', 'n', ['there', 30]), pod('c2', 'webhook', 'a', ['there', 30])] },
  { name: 'is silent with one Pod of each left, and when the other was rolled', checks: [{ minutes: 20, fires: [] }], series: [
    pod('c1', 'webhook', 'a', ['there', 30]), pod('c1', 'webhook', 'b', ['there', 10], ['gone', 20]), pod('c1', 'observer', 'n', ['there', 10], ['gone', 2], ['there', 18])] },
  { name: 'ends when a Pod is there again', checks: [{ minutes: 20, fires: [absent('observer', 'c1')] }, { minutes: 26, fires: [] }], series: [
    pod('c1', 'webhook', 'a', ['there', 30]), pod('c1', 'observer', 'n', ['there', 10], ['gone', 15], ['there', 5])] },
  { name: 'takes no scrape that failed, and no Pod under a new address, for absence', checks: [{ minutes: 8, fires: [] }, { minutes: 20, fires: [] }], series: [
    pod('c1', 'webhook', 'a', ['there', 5], ['gone', 4], ['there', 20]), pod('c1', 'observer', 'old', ['there', 10], ['gone', 20]), pod('c1', 'observer', 'new', ['gone', 10], ['there', 20])] },
];

/** A day takes promtool as long as all else together, so it is looked at every five minutes. */
export const forgetting: History = { name: 'forgets a cluster after a day, but not the program', checks: [{ minutes: 1440, fires: [absent('observer', 'c1'), absent('webhook', 'c1')] }, { minutes: 1460, fires: [absent('observer'), absent('webhook')] }],
    series: [pod('c1', 'webhook', 'a', ['there', 10], ['gone', 1]), pod('c1', 'observer', 'a', ['there', 10], ['gone', 1])] };

const hours = (instance: string, ...spans: readonly (readonly ['there' | 'gone', number])[]): History['series'][number] => pod('c1', 'webhook', instance, ...spans);
const missingHistories: readonly History[] = [
  { name: 'fires when two of seven are away for a quarter of an hour', checks: [{ minutes: 34.5, fires: [] }, { minutes: 35, fires: [missing('webhook', 5)] }],
    series: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => (name < 'f' ? hours(name, ['there', 60]) : hours(name, ['there', 20], ['gone', 40]))) },
  { name: 'is silent at three of four, as after a rollout', series: [...['a', 'b', 'c'].map((name) => hours(name, ['there', 90])), hours('d', ['gone', 10], ['there', 15], ['gone', 65])],
    checks: [{ minutes: 45, fires: [] }] },
  { name: 'ends when the replica is back', series: [hours('a', ['there', 60]), hours('b', ['there', 60]), hours('c', ['there', 10], ['gone', 30], ['there', 20])],
    checks: [{ minutes: 30, fires: [missing('webhook', 2)] }, { minutes: 45, fires: [] }] },
  { name: 'takes restarts one after another for nothing', series: ['a', 'b', 'c'].map((name, index) => hours(name, ['there', 10 + 3 * index], ['gone', 2], ['there', 40])), checks: [{ minutes: 40, fires: [] }] },
  { name: 'takes Pods that were replaced, and are seen for five minutes more, for nothing', checks: [{ minutes: 45, fires: [] }], series: [
    ...['a', 'b', 'c'].map((name) => hours(name, ['there', 25], ['gone', 35])), ...['d', 'e', 'f'].map((name) => hours(name, ['gone', 20], ['there', 40]))] },
  { name: 'leaves a program that is gone altogether to ZastavaRuntimeAbsent, and ends after an hour', series: [hours('a', ['there', 10], ['gone', 110]), pod('c1', 'observer', 'n', ['there', 120]), pod('c1', 'observer', 'm', ['there', 10], ['gone', 110])],
    checks: [{ minutes: 40, fires: [missing('observer', 1)] }, { minutes: 90, fires: [] }] },
  { name: 'is silent on a single node', series: [pod('c1', 'observer', 'n', ['there', 120])], checks: [{ minutes: 100, fires: [] }] },
];

/** What only one alert has to stand. */
const particular: Partial<Record<AlertName, readonly History[]>> = {
  ZastavaAuthorityTokenStale: [{
    name: 'says when the token expired; one that is renewed is not stale',
    series: [
      { series: 'zastava_authority_token_expiry_timestamp_seconds{cluster="c1", audience="scanner", instance="a"}', values: '300x40' },
      { series: 'zastava_authority_token_expiry_timestamp_seconds{cluster="c1", audience="scanner", instance="b"}', values: '120+30x40' },
    ],
    checks: [{ minutes: 5.5, fires: [] }, { minutes: 6, fires: [{
      labels: { severity: 'critical', cluster: 'c1', audience: 'scanner', instance: 'a' },
      description: 'The OpTok of a in cluster c1 for scanner expired at 1970-01-01 00:05:00 +0000 UTC and was not renewed.' }] }],
  }],
  ZastavaAdmissionDenySpike: [{
    name: 'adds up the replicas',
    series: ['a', 'b'].flatMap((instance) => render([{ type: 'counter', metric: 'zastava_admission_decisions_total', labels: { decision: 'deny', mode: 'enforced', reason: 'policy.fail' }, good: 0, bad: 6 }], { cluster: 'c1', instance }, Array(20).fill('bad'))),
    checks: [{ minutes: 5, fires: [{ labels: { severity: 'critical', cluster: 'c1' }, description: '24 denies a minute in cluster c1; the limit is 20.' }] }],
  }],
  ZastavaRuntimeBufferFilling: [{
    name: 'is silent while the disk fails, whatever lies on it, and counts single bytes',
    series: [
      { series: 'zastava_runtime_buffer_bytes{cluster="c1", instance="a"}', values: '24576x20' }, { series: 'zastava_runtime_buffer_max_bytes{cluster="c1", instance="a"}', values: '0x20' },
      { series: 'zastava_runtime_buffer_bytes{cluster="c1", instance="b"}', values: '1x20' }, { series: 'zastava_runtime_buffer_max_bytes{cluster="c1", instance="b"}', values: '1x20' },
    ],
    checks: [{ minutes: 5, fires: [{ labels: { severity: 'warning', cluster: 'c1', instance: 'b' }, description: 'The buffer of b in cluster c1 is 100% full; events are dropped when it is full.' }] }],
  }],
  ZastavaRuntimeBufferNoRoom: [{
    name: 'says that the disk fails', series: [{ series: 'zastava_runtime_buffer_max_bytes{cluster="c1", instance="a"}', values: '0x20' }],
    checks: [{ minutes: 2, fires: [{
      labels: { severity: 'warning', cluster: 'c1', instance: 'a' },
      description: 'The buffer of a in cluster c1 may grow to 0B with what its disk has left: the disk fails, and events are in memory only.' }] }],
  }],
  ZastavaRuntimeBufferDrops: [{
    name: 'fires at once for a single one', series: [{ series: 'zastava_runtime_buffer_drops_total{cluster="c1", reason="bufferCorrupt", instance="a"}', values: '0x10 1x20' }],
    checks: [{ minutes: 5, fires: [] }, { minutes: 5.5, fires: [{ labels: { severity: 'critical', cluster: 'c1', reason: 'bufferCorrupt' }, description: '1 events were dropped (bufferCorrupt) in 5 minutes in cluster c1.' }] }],
  }],
  ZastavaAdmissionFailOpenInUse: [{
    name: 'fires at once for a single one', checks: [{ minutes: 5, fires: [] }, { minutes: 5.5, fires: [{
      labels: { severity: 'critical', cluster: 'c1', reason: 'backend.timeout' }, description: '1 admissions in cluster c1 failed open (backend.timeout) in 5 minutes.' }] }],
    series: [{ series: 'zastava_admission_decisions_total{cluster="c1", decision="allow", mode="failOpen", reason="backend.timeout", instance="a"}', values: '0x10 1x20' }],
  }],
  ZastavaRuntimeEventsSilent: [{
    name: 'leaves a stream that is down to its own alert, and takes a missing counter for silence',
    series: [
      { series: 'zastava_runtime_stream_up{cluster="c1", stream="containerd", instance="a"}', values: '0x100' },
      { series: 'zastava_runtime_stream_up{cluster="c2", stream="containerd", instance="a"}', values: '1x100' },
    ],
    checks: [{ minutes: 40, fires: [{ labels: { severity: 'warning', cluster: 'c2' }, description: 'No event was accepted for 30 minutes in cluster c2, although 1 container streams are up.' }] }],
  }],
};

export const alertHistories: Readonly<Record<AlertName, readonly History[]>> = {
  ZastavaRuntimeAbsent: absentHistories,
  ZastavaRuntimePodsMissing: missingHistories,
  ...(Object.fromEntries(Object.entries(alertSpecs).map(([name, spec]) => [name, [...historiesOf(spec), ...(particular[name as AlertName] ?? [])]])) as Record<keyof typeof alertSpecs, History[]>),
};
