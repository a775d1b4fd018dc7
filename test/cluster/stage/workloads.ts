/** Images of the site's applications, in its registry: C programs with their libraries, a script, a static Go program. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withParents } from '../../../src/images/base-layer.ts';
import type { LayerEntry } from '../../../src/images/layer.ts';
import { succeed } from '../../peers/harness/commands.ts';
import { peer } from '../../peers/harness/peers.ts';
import { imageOf, writeArchive } from './image-archive.ts';
import { registryHost } from './names.ts';
import type { Stage } from './stage.ts';

/** Debian's programs, which have build-ids, at the same paths as on this machine. */
const programs = ['/usr/bin/sleep', '/usr/bin/true', '/usr/bin/false', '/usr/bin/dash'];
const script = '#!/usr/bin/dash\nwhile true; do sleep 5; done\n';

/** Image names with a digest, by what they are for. */
export interface Workloads {
  readonly payments: string;
  readonly unsigned: string;
}

/** Pushes `apps/payments` and `apps/unsigned`, which differ in name and digest only. */
export async function pushWorkloads(stage: Stage): Promise<Workloads> {
  const folder = stage.folder.dir('workloads');
  const libraries = new Set((await Promise.all(programs.map((program) => succeed('ldd', [program])))).flatMap((text) => [...text.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path)));
  const file = (from: string, path = from): LayerEntry => ({ type: 'file', path: path.slice(1), mode: 0o755, content: { file: realpathSync(from), size: statSync(realpathSync(from)).size } });
  const entries = [
    ...programs.map((path) => file(path)), ...[...libraries].map((path) => file(path)), file(peer('crane'), '/usr/bin/crane'),
    { type: 'file', path: 'usr/bin/loop.sh', mode: 0o755, content: Buffer.from(script) } as const,
  ];
  const push = async (name: string): Promise<string> => {
    const marked = withParents([...entries, { type: 'file', path: 'etc/app', mode: 0o644, content: Buffer.from(name) }]);
    const archive = join(folder, `${name}.tar`);
    await writeArchive(archive, [await imageOf(`${registryHost}/apps/${name}:1.0`, marked, join(folder, name), { Entrypoint: ['/usr/bin/sleep', '1000000'] })]);
    await stage.room.succeed(peer('skopeo'), '--insecure-policy', 'copy', '-q', '--dest-cert-dir', stage.folder.at('containerd/certs.d', registryHost), '--digestfile', join(folder, `${name}.digest`), `oci-archive:${archive}`, `docker://${registryHost}/apps/${name}:1.0`);
    return `${registryHost}/apps/${name}@${readFileSync(join(folder, `${name}.digest`), 'utf8').trim()}`;
  };
  return { payments: await push('payments'), unsigned: await push('unsigned') };
}
