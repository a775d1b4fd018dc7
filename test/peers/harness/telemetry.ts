/** Asks a program in a container, in its own network namespace, where it listens on the port that it has in the cluster. */
import { httpPaths, programPorts } from '../../../src/contract/programs.ts';
import { eventually, succeed } from './commands.ts';
import { peer } from './peers.ts';

const ask = `fetch(process.argv[1]).then(async (r) => { if (r.status !== 200) throw new Error(r.status + ' ' + await r.text()); console.log(await r.text()); })`;

/** Waits until /healthz of the container's process answers 200; gives its body. Under emulation a start takes a while. */
export function waitUntilHealthy(pid: number): Promise<string> {
  return eventually(() => succeed(peer('nsenter'), [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', ask, `http://127.0.0.1:${programPorts.telemetry}${httpPaths.live}`]), 120);
}
