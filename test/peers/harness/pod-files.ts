/** What Kubernetes would mount at /etc/zastava of a Pod: the kit's own configuration, and for the webhook a certificate. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component } from '../../../src/contract/label-values.ts';
import { configKey } from '../../../src/contract/names.ts';
import { programPaths } from '../../../src/contract/programs.ts';
import { succeed } from './commands.ts';
import { readConfiguration } from './kit.ts';
import { peer } from './peers.ts';

/** Fills a new folder to be mounted, read-only, at /etc/zastava. Readable to all, as the volumes of a Pod are. */
export async function writePodFiles(folder: string, program: Component): Promise<string> {
  const etc = join(folder, `etc-${program}`);
  mkdirSync(etc, { recursive: true });
  writeFileSync(join(etc, configKey), await readConfiguration(program));
  if (program === 'webhook') {
    const tls = join(etc, 'tls');
    mkdirSync(tls);
    const [key, certificate] = [join(tls, programPaths.key), join(tls, programPaths.certificate)];
    await succeed(peer('openssl'), [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=zastava-webhook', '-addext', 'subjectAltName=DNS:zastava-webhook.stellaops.svc', '-keyout', key, '-out', certificate,
    ]);
    for (const [path, mode] of [[tls, 0o755], [key, 0o644], [certificate, 0o644]] as const) chmodSync(path, mode);
  }
  for (const [path, mode] of [[folder, 0o755], [etc, 0o755], [join(etc, configKey), 0o644]] as const) chmodSync(path, mode);
  return etc;
}
