/** The program of the memory test: verifies the kit on its standard input; prints the outcome and the most memory it had. */
import { readFileSync } from 'node:fs';
import { openKit } from '../../../src/kit/open-kit.ts';
import { verifyKit } from '../../../src/kit/verify/verify-kit.ts';

const [, , key, bundle, signature] = process.argv;
const kit = await openKit('-', { bundle, signature });
const { ok, code, bytes, entries } = await verifyKit(kit.stream(), { keyPem: readFileSync(key!, 'utf8'), signatures: kit.signatures });

/** The kernel's own mark for this program. `resourceUsage().maxRSS` would count what the parent had before the exec. */
const residentKiBMax = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
process.stdout.write(JSON.stringify({ ok, code, bytes, entries, residentKiBMax }));
