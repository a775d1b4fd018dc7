/** What the plane costs on this node: CPU, memory, disk, bytes to pull, series; at rest and while much starts. */
import { statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { objectNames } from '../../../src/contract/names.ts';
import { programVersion } from '../../../src/contract/programs.ts';
import { AdmissionLoad } from '../stage/admission-load.ts';
import { platform } from '../stage/image-archive.ts';
import { nodeName } from '../stage/names.ts';
import type { Walk } from './walk.ts';

/** Of one container. */
interface Use {
  readonly cpuSeconds: number;
  readonly workingSet: number;
  /** Anonymous memory: no files that are mapped. */
  readonly rss: number;
  /** When it was read, in milliseconds. */
  readonly at: number;
}

/** The highest of the Pods of one program over a time. */
interface Cost {
  /** Share of one core. */
  readonly cpu: number;
  readonly workingSet: number;
  readonly rss: number;
  /** Of the buffer. */
  readonly disk: number;
}

const mebibyte = 1024 * 1024;
const programs = [objectNames.observer, objectNames.webhook] as const;

export function resources(walk: () => Walk): void {
  /** Pod → its container, as the kubelet's cadvisor has it. */
  async function read(): Promise<Map<string, Use>> {
    const text = await walk().stage.kubectl('get', '--raw', `/api/v1/nodes/${nodeName}/proxy/metrics/cadvisor`);
    const valuesOf = (metric: string): Map<string, [value: number, at: number]> => new Map([...text.matchAll(new RegExp(`^${metric}\\{container="[^"]+",.*namespace="stellaops",pod="([^"]+)".*\\} (\\S+) (\\d+)$`, 'gm'))].map(([, pod = '', value, at]) => [pod, [Number(value), Number(at)]]));
    const [workingSet, rss] = [valuesOf('container_memory_working_set_bytes'), valuesOf('container_memory_rss')];
    return new Map([...valuesOf('container_cpu_usage_seconds_total')].map(([pod, [cpuSeconds, at]]) => [pod, { cpuSeconds, at, workingSet: workingSet.get(pod)?.[0] ?? Number.NaN, rss: rss.get(pod)?.[0] ?? Number.NaN }]));
  }

  async function measure(seconds: number): Promise<Record<string, Cost>> {
    const [before, looks, disk] = [await read(), [] as Map<string, Use>[], [] as number[]];
    for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
      await sleep(5_000);
      looks.push(await read());
      disk.push(bytesBelow(walk().stage.folder.at('node/var-lib/zastava')));
    }
    return Object.fromEntries(programs.map((program) => {
      const uses = looks.flatMap((look) => [...look].filter(([pod]) => pod.startsWith(program)));
      const cpu = [...looks.at(-1)!].flatMap(([pod, { cpuSeconds, at }]) => {
        const first = before.get(pod);
        return pod.startsWith(program) && first !== undefined && at > first.at ? [(cpuSeconds - first.cpuSeconds) / ((at - first.at) / 1000)] : [];
      });
      for (const measured of [uses, cpu]) expect(measured, program).not.toEqual([]);
      return [program, {
        cpu: Math.max(...cpu), workingSet: Math.max(...uses.map(([, { workingSet }]) => workingSet)), rss: Math.max(...uses.map(([, { rss }]) => rss)),
        disk: program === objectNames.observer ? Math.max(...disk) : 0,
      }];
    }));
  }

  test('at rest and under load, each program stays within what its Pod asks for and may have', async () => {
    const since = Date.now();
    const { stage, operator, workloads } = walk();
    const rest = await measure(60);
    const load = new AdmissionLoad(stage, 'payments', () => walk().pod('asked', 'payments', workloads.payments), 0);
    const many = Array.from({ length: 30 }, (_, at) => walk().pod(`start-${at}`, 'payments', workloads.payments, { command: ['/usr/bin/sleep', '20'] }));
    await walk().create({ apiVersion: 'v1', kind: 'List', items: many });
    const busy = await measure(60).finally(() => load.end());
    expect(load.failures).toEqual([]);
    const rows: string[] = [];
    for (const program of programs) {
      const [name, wanted, limit] = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', `app=${program}`, '-o', 'jsonpath={.items[0].spec.containers[0].name} {.items[0].spec.containers[0].resources.requests.memory} {.items[0].spec.containers[0].resources.limits.memory}')).split(' ') as [string, string, string];
      const [quiet, loud] = [rest[program]!, busy[program]!];
      expect(quiet.workingSet / mebibyte, program).toBeLessThan(Number.parseInt(wanted, 10));
      expect(loud.workingSet / mebibyte, program).toBeLessThan(Number.parseInt(limit, 10));
      const { layers } = JSON.parse(await operator.sh(`oras manifest fetch --platform ${platform.os}/${platform.architecture} $REG/zastava/${name}:${programVersion}`)) as { layers: { size: number }[] };
      const series = await walk().ask(`max(count by (pod) ({pod=~"${program}.*"}))`);
      const each = (part: keyof Cost): string => `${(quiet[part] / mebibyte).toFixed(0)} / ${(loud[part] / mebibyte).toFixed(0)}`;
      rows.push(`| ${program} | ${share(quiet.cpu)} / ${share(loud.cpu)} | ${each('workingSet')} | ${each('rss')} | ${wanted} / ${limit} | ${each('disk')} | ${(layers.reduce((sum, { size }) => sum + size, 0) / mebibyte).toFixed(0)} | ${series} |`);
    }
    walk().append(['| a Pod of | CPU at rest / under load | working set, MiB | RSS, MiB | memory requested / limit | buffer on disk, MiB | MiB to pull | series |', '|---|---|---|---|---|---|---|---|', ...rows].join('\n'));
    walk().count('resources', '', since, `${load.asked} requests and ${many.length} starts in a minute`);
  }, 600_000);
}

const share = (cores: number): string => `${(cores * 100).toFixed(1)} %`;

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).reduce((sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
