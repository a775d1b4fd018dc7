/**
 * How fast a kit is verified, against the physical limit of this machine in the same run: `zstd -dc KIT | openssl dgst
 * -sha256`, which decompresses and hashes once and checks nothing. Usage: npm run bench [-- KIT PUB]
 * Prints a table: seconds (median of the rounds), MiB/s of the file, peak RSS, ratio to the pipe.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '../..');
const [kit = join(root, `offline-kit/zastava-runtime-${packageJson.version}.tar.zst`), key = join(root, 'offline-kit/trust/zastava-runtime.pub')] = process.argv.slice(2);
const rounds = 5;

const contenders: Readonly<Record<string, readonly string[]>> = {
  'zastava kit verify': [process.execPath, join(root, 'dist/cli/zastava.mjs'), 'kit', 'verify', kit, '--key', key, '--allow-development', '--quiet'],
  'zstd -dc | openssl dgst': ['bash', '-o', 'pipefail', '-c', 'zstd -dc "$0" | openssl dgst -sha256', kit],
};

/** One run as a whole process; seconds, and the largest RSS in MiB of a process in it. */
function time(command: readonly string[]): { seconds: number; rssMiB: number } {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync('/usr/bin/env', ['time', '-f', '%M', ...command], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}: ${stderr}`);
  return { seconds, rssMiB: Number(stderr.trim().split('\n').at(-1)) / 1024 };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

// Turn by turn, so that a machine that slows down slows both.
const runs = Object.keys(contenders).map((name) => ({ name, seconds: [] as number[], rssMiB: 0 }));
for (let round = 0; round < rounds; round += 1) {
  for (const run of runs) {
    const { seconds, rssMiB } = time(contenders[run.name] ?? []);
    run.seconds.push(seconds);
    run.rssMiB = Math.max(run.rssMiB, rssMiB);
  }
}

const bytes = statSync(kit).size;
const limit = median(runs.at(-1)?.seconds ?? []);
console.log(`${(bytes / 2 ** 20).toFixed(1)} MiB, ${rounds} rounds, Node ${process.version}`);
console.table(runs.map(({ name, seconds, rssMiB }) => ({
  what: name, 'seconds (median)': median(seconds).toFixed(3), 'MiB/s': (bytes / 2 ** 20 / median(seconds)).toFixed(0), 'peak RSS MiB': rssMiB.toFixed(0), 'times the pipe': (median(seconds) / limit).toFixed(2),
})));
