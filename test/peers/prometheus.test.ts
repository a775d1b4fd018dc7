/** A real Prometheus with our rules scrapes both real programs at work, and what comes is held against the catalogue, both ways. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { alertSeverities } from '../../src/contract/alerts.ts';
import { type Component, components } from '../../src/contract/label-values.ts';
import { commonLabels, type Metric, metrics } from '../../src/contract/metrics.ts';
import { seriesMax } from '../constructs/observability/series-bounds.ts';
import { admissionReview } from '../fakes/admission-review.ts';
import { Backends } from '../fakes/backends.ts';
import { RuntimeProgram, testCertificate } from '../fakes/runtime-program.ts';
import { postReview } from '../fakes/webhook-client.ts';
import { eventually, run, succeed } from './harness/commands.ts';
import { startContainerd } from './harness/containerd.ts';
import { checkout } from './harness/kit.ts';
import { describeWith, peer } from './harness/peers.ts';
import { type Labels, Prometheus } from './harness/prometheus.ts';
import { scratch } from './harness/scratch.ts';
import type { Server } from './harness/servers.ts';
import { writeTinyImage } from './harness/tiny-image.ts';

const catalogue = Object.values<Metric>(metrics);
const image = 'registry.test/tiny:1';
/** Added by a scrape, and by the tags of the test's configuration. */
const scrapeLabels = ['__name__', 'instance', 'job', 'site'];

/** Series of a metric of the catalogue. */
function seriesNames({ name, type }: Metric): string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name];
}

const pod = (name: string): string => JSON.stringify(admissionReview({
  object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { containers: [{ name: 'a', image: `registry.internal/${name}@sha256:${'a'.repeat(64)}` }] } },
}));

describeWith(['root', 'prometheus', 'containerd2', 'ctr2', 'runc', 'unshare'], 'a real Prometheus', () => {
  // The values allow no folder of a container's own for what is the node's, and /tmp is one.
  const folder = scratch('prometheus', '/var/tmp');
  const socket = join(folder, 'run/containerd.sock');
  const container = `prometheus-${process.pid}`;
  const ctr = (...args: string[]): Promise<string> => succeed(peer('ctr2'), ['--address', socket, '--namespace', 'k8s.io', ...args]);
  const programs = new Map<Component, RuntimeProgram>();
  let containerd: Server;
  let backends: Backends;
  let prometheus: Prometheus;

  beforeAll(async () => {
    symlinkSync('/proc', join(folder, 'proc'));
    mkdirSync(join(folder, 'run'));
    backends = await Backends.start();
    backends.scanner.options = { ...backends.scanner.options, judge: (name) => (name.includes('unsigned') ? { policyVerdict: 'fail', reasons: ['no signature'] } : { policyVerdict: 'pass' }) };
    await writeTinyImage(join(folder, 'tiny.tar'), image);
    containerd = await startContainerd(peer('containerd2'), folder, socket);
    await ctr('images', 'import', join(folder, 'tiny.tar'));
    const { config, env } = backends.program();
    const values = JSON.parse(config) as { zastava: object };
    const observed = { procRoot: join(folder, 'proc'), flushIntervalSeconds: 1, containerd: { socket, root: join(folder, 'root') } };
    for (const component of components) {
      programs.set(component, new RuntimeProgram(component, { env, config: JSON.stringify({ zastava: { ...values.zastava, observer: observed } }) }));
    }
    const targets = await Promise.all([...programs].map(async ([component, program]) => [component, await program.port('telemetry')] as const));
    prometheus = await Prometheus.start(folder, { targets: Object.fromEntries(targets), rules: [join(checkout, 'docs/ops/zastava-runtime-prometheus-rules.yaml')] });
    await Promise.all([...programs.values()].map((program) => program.line('Issued runtime OpTok')));
    const port = await programs.get('webhook')!.port('admission');
    for (const name of ['signed', 'unsigned', 'signed']) expect((await postReview(port, pod(name), { ca: testCertificate })).status).toBe(200);
    await ctr('run', '--detach', '--label', 'io.kubernetes.pod.namespace=payments', '--label', 'io.kubernetes.pod.name=pod', '--label', 'io.kubernetes.pod.uid=uid', '--label', 'io.kubernetes.container.name=tiny', image, container, '/wait');
  });
  afterAll(async () => {
    await prometheus?.stop();
    for (const program of programs.values()) await program[Symbol.asyncDispose]();
    if (containerd) await run(peer('ctr2'), ['--address', socket, '--namespace', 'k8s.io', 'tasks', 'delete', '--force', container]);
    await containerd?.stop();
    await backends?.[Symbol.asyncDispose]();
  });

  test('loads the rules, evaluates each without an error, and knows every alert', async () => {
    await eventually(async () => expect((await prometheus.rules()).map(({ health }) => health)).not.toContain('unknown'));
    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules.filter(({ type }) => type === 'alerting').map(({ name }) => name)).toEqual(Object.keys(alertSeverities));
  });

  test.each(components)('is shown by the %s every metric that the catalogue gives it', async (component) => {
    const expected = catalogue.filter((metric) => metric.programs.includes(component)).flatMap(seriesNames).sort();
    await eventually(async () => {
      const shown = new Set((await prometheus.series(`{job="${component}"}`)).map((labels) => labels['__name__'] ?? ''));
      expect([...shown].filter((name) => name.startsWith('zastava_')).sort()).toEqual(expected);
    });
  });

  test.each(components)('is shown by the %s nothing else, and no label or value that the catalogue does not list', async (component) => {
    const series = (await prometheus.series(`{job="${component}"}`)).filter(({ __name__: name = '' }) => !/^(up$|scrape_|ALERTS)/.test(name));
    expect(series.length).toBeGreaterThan(20);
    expect(series.flatMap((labels) => problemsOf(labels, component))).toEqual([]);
  });

  test.each(components)('takes no more samples from one %s than the bound', async (component) => {
    const [answer] = await prometheus.query(`scrape_samples_scraped{job="${component}"}`);
    expect(Number(answer?.value[1])).toBeGreaterThan(20);
    expect(Number(answer?.value[1])).toBeLessThanOrEqual(seriesMax[component]);
  });

  test('records the series that alerts judge', async () => {
    for (const { name } of (await prometheus.rules()).filter(({ type }) => type === 'recording')) {
      await eventually(async () => expect(await prometheus.query(name), name).not.toEqual([]));
    }
  });
});

/** What is wrong with one series. */
function problemsOf(labels: Labels, component: Component): string[] {
  const name = labels['__name__'] ?? '';
  const metric = catalogue.find((each) => seriesNames(each).includes(name));
  if (metric === undefined) return [`${name} is not in the catalogue`];
  const own = Object.keys(metric.labels);
  const expected = [...own, ...commonLabels, ...scrapeLabels, ...(name.endsWith('_bucket') ? ['le'] : [])].sort();
  const values = own.filter((label) => metric.labels[label] !== 'open' && !metric.labels[label]?.includes(labels[label] ?? ''));
  return [
    ...(metric.programs.includes(component) ? [] : [`${name} is not one of the ${component}`]),
    ...(Object.keys(labels).sort().join() === expected.join() ? [] : [`${name} has ${Object.keys(labels).sort().join()}, not ${expected.join()}`]),
    ...values.map((label) => `${name}: ${label}=${labels[label]} is not in the list`),
  ];
}
