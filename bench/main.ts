/**
 * `npm run bench -- <name>…`: runs the benchmarks of that name, or all of a folder, or all; each prints a table and keeps
 * no state. FULL=1 adds the large ones. The load before and after is printed, since a figure from a busy machine is none.
 */
import { loadavg } from 'node:os';
import { assembleBench } from './kit/assemble.ts';
import { buildBench } from './kit/build.ts';
import { pushBench } from './kit/push.ts';
import { verifyBench } from './kit/verify.ts';
import { bufferBench } from './observer/buffer.ts';
import { delayBench } from './observer/delay.ts';
import { loadBench } from './observer/load.ts';
import { slowDiskBench } from './observer/slow-disk.ts';
import { synthBench } from './synth/everything.ts';
import { admissionBench } from './webhook/admission.ts';
import { apiServerBench } from './webhook/api-server.ts';

const benches: Readonly<Record<string, () => Promise<void>>> = {
  'kit/verify': verifyBench,
  'kit/assemble': assembleBench,
  'kit/build': buildBench,
  'kit/push': pushBench,
  'observer/buffer': bufferBench,
  'observer/delay': delayBench,
  'observer/load': loadBench,
  'observer/slow-disk': slowDiskBench,
  'synth/everything': synthBench,
  'webhook/admission': admissionBench,
  'webhook/api-server': apiServerBench,
};

const asked = process.argv.slice(2);
const chosen = Object.keys(benches).filter((name) => asked.length === 0 || asked.some((one) => name === one || name.startsWith(`${one}/`) || name.endsWith(`/${one}`)));
if (chosen.length === 0) {
  console.error(`no benchmark ${asked.join(', ')}; there are: kit, observer, synth, webhook, ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
}
for (const name of chosen) {
  console.log(`\n${name}, Node ${process.version}, load ${load()}`);
  await benches[name]!();
  console.log(`load ${load()}`);
}

function load(): string {
  return loadavg().map((value) => value.toFixed(1)).join(' ');
}
