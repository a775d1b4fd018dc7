/** The program of the memory test: sends a blob of noise to the registry that is named; prints the most memory it had. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { uploadBlob } from '../../src/registry/blob-upload.ts';
import { RegistryClient } from '../../src/registry/registry-client.ts';
import { Repository } from '../../src/registry/repository.ts';

const [, , domain = '', size = '0'] = process.argv;
const piece = randomBytes(1024 * 1024);

async function* noise(): AsyncGenerator<Uint8Array> {
  for (let left = Number(size); left > 0; left -= piece.length) yield piece.subarray(0, left);
}

const client = new RegistryClient({ domain, scopes: [], plainHttp: true });
await uploadBlob(new Repository(client, 'team/app'), { digest: `sha256:${'0'.repeat(64)}`, size: Number(size), pieces: noise() });
await client.close();
/** The kernel's own mark for this program. */
process.stdout.write(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!);
