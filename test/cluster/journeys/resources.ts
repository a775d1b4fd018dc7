/** What the plane costs on this node: CPU, memory, disk, bytes to pull, series; at rest and while much starts. */
import { statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { objectNames } from '../../../src/contract/names.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { nodeName } from '../stage/names.ts';
import type { Walk } from './walk.ts';

/** Of one container. */
interface Use {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** When it was read, in seconds. */
  readonly at: number;
}

const mebibyte = 1024 * 1024;

export function resources(walk: () => Walk): void {
  /** Pod → its container. */
  async function read(): Promise<Map<string, Use>> {
    const text = await walk().stage.kubectl('get', '--raw', `/api/v1/nodes/${nodeName}/proxy/metrics/resource`);
    const values = (metric: string): Map<string, [number, number]> => new Map([...text.matchAll(new RegExp(`^${metric}\\{container="[^"]+",namespace="stellaops",pod="([^"]+)"\\} (\\S+) (\\d+)$`, 'gm'))].map(([, pod = '', value, at]) => [pod, [Number(value), Number(at) / 1000]]));
    const memory = values('container_memory_working_set_bytes');
    return new Map([...values('container_cpu_usage_seconds_total')].map(([pod, [cpuSeconds, at]]) => [pod, { cpuSeconds, at, memoryBytes: memory.get(pod)?.[0] ?? Number.NaN }]));
  }

  /** Of each program: the highest CPU (share of one core) and working set of its Pods over that time. */
  async function measure(seconds: number): Promise<Record<string, { cpu: number; mib: number }>> {
    const before = await read();
    await sleep(seconds * 1000);
    const after = await read();
    return Object.fromEntries([objectNames.observer, objectNames.webhook].map((program) => {
      const pods = [...after].flatMap(([pod, use]) => (pod.startsWith(program) && before.has(pod) ? [{ ...use, first: before.get(pod)! }] : []));
      const cpu = Math.max(...pods.map(({ cpuSeconds, at, first }) => (cpuSeconds - first.cpuSeconds) / (at - first.at)));
      return [program, { cpu, mib: Math.max(...pods.map(({ memoryBytes }) => memoryBytes)) / mebibyte }];
    }));
  }

  test('at rest and under load, each program stays within the limits of its Pod', async () => {
    const since = Date.now();
    const { stage, operator, workloads } = walk();
    const rest = await measure(60);
    const load = new AdmissionLoad(stage, 'payments', walk().pod('asked', 'payments', workloads.payments), 0);
    const many = Array.from({ length: 30 }, (_, at) => walk().pod(`start-${at}`, 'payments', workloads.payments, { command: ['/usr/bin/sleep', '20'] }));
    await walk().create({ apiVersion: 'v1', kind: 'List', items: many });
    const busy = await measure(45);
    await load.end();
    expect(load.failures).toEqual([]);
    const rows: string[] = [];
    for (const program of [objectNames.observer, objectNames.webhook] as const) {
      const [name, limit] = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', `app=${program}`, '-o', 'jsonpath={.items[0].spec.containers[0].name} {.items[0].spec.containers[0].resources.limits.memory}')).split(' ');
      expect(busy[program]!.mib).toBeLessThan(Number.parseInt(limit ?? '', 10));
      const { layers } = JSON.parse(await operator.sh(`oras manifest fetch --platform linux/amd64 $REG/zastava/${name}:1.0.0`)) as { layers: { size: number }[] };
      const series = await walk().ask(`max(count by (pod) ({pod=~"${program}.*"}))`);
      rows.push(`| ${program} | ${share(rest[program]!.cpu)} | ${share(busy[program]!.cpu)} | ${rest[program]!.mib.toFixed(0)} | ${busy[program]!.mib.toFixed(0)} | ${limit} | ${(layers.reduce((sum, { size }) => sum + size, 0) / mebibyte).toFixed(1)} | ${series} |`);
    }
    walk().appendix.push(['| program | CPU at rest | under load | MiB at rest | under load | limit | MiB to pull | series a Pod |', '|---|---|---|---|---|---|---|---|', ...rows].join('\n'));
    walk().count('resources', '', since, `${load.asked} requests and ${many.length} starts; the buffer has ${(bytesBelow(stage.folder.at('node/var-lib/zastava')) / mebibyte).toFixed(1)} MiB on disk`);
  }, 600_000);
}

const share = (cores: number): string => `${(cores * 100).toFixed(1)} %`;

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
