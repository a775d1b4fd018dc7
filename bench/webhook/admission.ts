/**
 * How fast the webhook answers: realistic reviews over TLS, from the cache and with a backend that takes 20 ms, one process and
 * two, beside a Node server and a Go server that only parse and allow. FULL=1 for longer, and memory after a million requests.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../src/images/bundle-program.ts';
import { Backends } from '../../test/fakes/backends.ts';
import { startBare, startGo, startZastava, usageOf, type Contender } from './contenders.ts';
import { connections, measure, printMeasured, type Load, type Measured } from './load.ts';
import { makeReviews } from './reviews.ts';

const full = process.env['FULL'] === '1';
const root = join(import.meta.dirname, '../..');
const rounds = 3;
const seconds = full ? 60 : 10;

type Groups = ReadonlyMap<string, readonly Contender[]>;

export async function admissionBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zastava-bench-'));
  const backends = await Backends.start();
  const started: Contender[] = [];
  const start = async (starting: Promise<Contender>): Promise<Contender> => {
    started.push(await starting);
    return started.at(-1)!;
  };
  const write = (name: string, reviews: readonly string[]): string => {
    writeFileSync(join(folder, name), JSON.stringify(reviews));
    return join(folder, name);
  };
  try {
    const program = join(folder, 'webhook.mjs');
    writeFileSync(program, await bundleProgram({ root, entry: 'src/runtime/webhook/main.ts' }));
    const [bare, otherBare, go] = [await start(startBare('bare', folder)), await start(startBare('bare 2', folder)), await start(startGo(folder))];
    const [own, other] = [await start(startZastava('zastava', folder, backends, program)), await start(startZastava('zastava 2', folder, backends, program))];
    const groups: Groups = new Map([['bare Node', [bare]], ['bare Node, 2 processes', [bare, otherBare]], ['minimal Go', [go]], ['zastava', [own]], ['zastava, 2 processes', [own, other]]]);

    const cached = write('cached.json', makeReviews(20));
    for (const group of groups.values()) await measure(group, { reviews: cached, requests: 3000 });
    console.log(`reviews of ${Math.round(makeReviews(1)[0]!.length / 1000)} KB, each allowed; ${connections} connections`);
    printMeasured(`from the cache, as fast as it goes; the median of ${rounds} turns`, await measureAll(groups, rounds, () => ({ reviews: cached, requests: 10_000 })));
    for (const rate of [500, 2000]) printMeasured(`from the cache, ${rate} a second`, await measureAll(groups, 1, () => ({ reviews: cached, requests: rate * seconds, rate })));

    backends.scanner.options = { ...backends.scanner.options, delayMs: 20 };
    const judging: Groups = new Map([...groups].filter(([name]) => name.startsWith('zastava')));
    let files = 0;
    const cold = (rate: number): Load => ({ reviews: write('cold.json', makeReviews(rate * 10, ++files * 10_000)), requests: rate * 10, rate });
    for (const rate of [100, 200]) printMeasured(`cold: each image for the first time, Scanner takes 20 ms; ${rate} a second`, await measureAll(judging, 1, () => cold(rate)));
    await printMemory(own, cached);
  } finally {
    for (const { child } of started) child.kill('SIGKILL');
    await backends[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Turn by turn, so that a machine that slows down slows all of them; of each the turn in the middle. */
async function measureAll(groups: Groups, turns: number, load: () => Load): Promise<Map<string, Measured>> {
  const runs = new Map([...groups.keys()].map((name): [string, Measured[]] => [name, []]));
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, group] of groups) runs.get(name)!.push(await measure(group, load()));
  }
  return new Map([...runs].map(([name, all]) => [name, all.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(turns / 2)]!]));
}

/** Does it grow? */
async function printMemory(contender: Contender, reviews: string): Promise<void> {
  const [steps, requests] = full ? [10, 100_000] : [5, 10_000];
  const rows: object[] = [];
  for (let step = 1; step <= steps; step++) {
    await measure([contender], { reviews, requests });
    rows.push({ requests: step * requests, 'RSS MiB': usageOf(contender).rssMiB.toFixed(0) });
  }
  console.table(rows);
}
