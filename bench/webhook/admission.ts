/**
 * How fast the webhook answers: realistic reviews over TLS, from the cache and with a backend that takes 20 ms, one process and
 * two, beside a Node server and a Go server that only parse and allow; and what it costs a real API server.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../src/images/bundle-program.ts';
import { Backends } from '../../test/fakes/backends.ts';
import { startBare, startGo, startZastava, usageOf, type Contender } from './contenders.ts';
import { makeReviews } from './reviews.ts';

const full = process.env['FULL'] === '1';
const root = join(import.meta.dirname, '../..');
const connections = 25;

interface Seen {
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly denied: number;
  readonly failed: number;
}

export async function admissionBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-bench-'));
  const backends = await Backends.start();
  const program = join(folder, 'webhook.mjs');
  writeFileSync(program, await bundleProgram({ root, entry: 'src/runtime/webhook/main.ts' }));
  const [few, many] = [join(folder, 'cached.json'), join(folder, 'cold.json')];
  writeFileSync(few, JSON.stringify(makeReviews(20)));
  const cold = 2000;
  writeFileSync(many, JSON.stringify(makeReviews(cold)));
  const contenders: Contender[] = [];
  try {
    const [bare, go] = [await startBare(folder), await startGo(folder)];
    const [one, other] = [await startZastava('zastava', folder, backends, program), await startZastava('zastava 2', folder, backends, program)];
    contenders.push(bare, ...(go ? [go] : []), one, other);
    const groups: (readonly [string, readonly Contender[]])[] = [['bare Node', [bare]], ...(go ? [['minimal Go', [go]] as const] : []), ['zastava, cached', [one]], ['zastava, cached, 2 processes', [one, other]]];
    const closed: object[] = [];
    let limit = 0;
    for (const [name, group] of groups) {
      await load(group, few, 2000, 0);
      const row = await measured(group, () => load(group, few, 20_000, 0));
      limit ||= row.seen.perSecond;
      closed.push({ what: name, ...shown(row), 'times bare': (row.seen.perSecond / limit).toFixed(2) });
    }
    console.log(`as fast as it goes, ${connections} connections, reviews of ${Math.round(makeReviews(1)[0]!.length / 1000)} KB`);
    console.table(closed);
    for (const rate of [500, 2000]) {
      const rows: object[] = [];
      for (const [name, group] of groups) rows.push({ what: name, ...shown(await measured(group, () => load(group, few, rate * 10, rate))) });
      console.log(`${rate} a second`);
      console.table(rows);
    }
    backends.scanner.options = { ...backends.scanner.options, delayMs: 20 };
    console.log('cold: each image for the first time, Scanner takes 20 ms, 100 a second');
    console.table([{ what: 'zastava, cold', ...shown(await measured([one], () => load([one], many, cold, 100))) }]);
    backends.scanner.options = { ...backends.scanner.options, delayMs: 0 };
    await memory(one, few);
  } finally {
    for (const { child } of contenders) child.kill('SIGKILL');
    await backends[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Does it grow? */
async function memory(contender: Contender, reviews: string): Promise<void> {
  const steps = full ? 10 : 4;
  const each = full ? 100_000 : 10_000;
  const rows: object[] = [];
  for (let step = 1; step <= steps; step++) {
    await load([contender], reviews, each, 0);
    rows.push({ 'requests': step * each, 'RSS MiB': usageOf(contender).rssMiB.toFixed(0) });
  }
  console.table(rows);
}

async function measured(group: readonly Contender[], work: () => Promise<Seen>): Promise<{ seen: Seen; cpuUs: number; rssMiB: number }> {
  const before = group.map(usageOf);
  const seen = await work();
  const after = group.map(usageOf);
  const cpuSeconds = after.reduce((sum, { cpuSeconds }, index) => sum + cpuSeconds - before[index]!.cpuSeconds, 0);
  return { seen, cpuUs: cpuSeconds * 1e6, rssMiB: Math.max(...after.map(({ rssMiB }) => rssMiB)) };
}

function shown({ seen, cpuUs, rssMiB }: { seen: Seen; cpuUs: number; rssMiB: number }): object {
  const ms = (value: number): string => value.toFixed(1);
  return { 'req/s': seen.perSecond.toFixed(0), 'p50 ms': ms(seen.p50), 'p95': ms(seen.p95), 'p99': ms(seen.p99), 'p99.9': ms(seen.p999), 'CPU ms in all': (cpuUs / 1000).toFixed(0), 'RSS MiB': rssMiB.toFixed(0), 'not allowed': seen.denied + seen.failed };
}

function load(group: readonly Contender[], reviews: string, requests: number, rate: number): Promise<Seen> {
  const args = [group.map(({ port }) => port).join(','), reviews, String(requests), String(rate), String(connections)];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'load-client.ts'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.on('error', reject).on('close', (code) => (code === 0 ? resolve(JSON.parse(text) as Seen) : reject(new Error(`the load client ended with ${code}`))));
  });
}
