/** Puts load on servers and takes what it cost them: answers a second, times, processor time, memory. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { goBinaries, usageOf, type Contender } from './contenders.ts';

export interface Measured {
  /** A second, as many as were asked for or as it went. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly denied: number;
  readonly failed: number;
  /** Processor time of all processes, microseconds a request. */
  readonly cpuUs: number;
  /** Of the largest. */
  readonly rssMiB: number;
}

export interface Load {
  /** A file: a list of reviews as texts, sent in turn. */
  readonly reviews: string;
  readonly requests: number;
  /** A second; default as fast as it goes. */
  readonly rate?: number;
}

export const connections = 25;

/** Spread over the group, one after the other. */
export async function measure(group: readonly Contender[], { reviews, requests, rate = 0 }: Load): Promise<Measured> {
  const before = group.map(usageOf);
  const seen = JSON.parse(await runClient([group.map(({ port }) => port).join(','), reviews, String(requests), String(rate), String(connections)])) as Omit<Measured, 'cpuUs' | 'rssMiB'>;
  const after = group.map(usageOf);
  const cpuSeconds = after.reduce((sum, { cpuSeconds: now }, index) => sum + now - before[index]!.cpuSeconds, 0);
  return { ...seen, cpuUs: (cpuSeconds * 1e6) / requests, rssMiB: Math.max(...after.map(({ rssMiB }) => rssMiB)) };
}

function runClient(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(goBinaries(), 'load'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.on('error', reject).on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`the load client ended with ${code}`))));
  });
}

/** With ratios to the first. */
export function printMeasured(title: string, rows: ReadonlyMap<string, Measured>): void {
  const [first] = rows.values();
  console.log(title);
  console.table([...rows].map(([what, row]) => ({
    what, 'req/s': row.perSecond.toFixed(0), 'times first': (row.perSecond / first!.perSecond).toFixed(2),
    'p50 ms': row.p50.toFixed(1), 'p95': row.p95.toFixed(1), 'p99': row.p99.toFixed(1), 'p99.9': row.p999.toFixed(1),
    'CPU us/req': row.cpuUs.toFixed(0), 'CPU times first': (row.cpuUs / first!.cpuUs).toFixed(2), 'RSS MiB': row.rssMiB.toFixed(0), 'not allowed': row.denied + row.failed,
  })));
}
