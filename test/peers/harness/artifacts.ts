/** The kit's OCI artifacts on their way into a registry, by either tool, under the names that the objects for GitOps have. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { artifactRepositories } from '../../../src/contract/gitops.ts';
import { kitPaths } from '../../../src/contract/kit-format.ts';
import { succeed } from './commands.ts';
import { kit } from './kit.ts';
import { peer } from './peers.ts';

export type Artifact = keyof typeof artifactRepositories;

export const artifacts: readonly Artifact[] = ['manifests', 'chart'];

const copies = {
  oras: (from: string, to: string) => succeed(peer('oras'), ['cp', '-r', '--no-tty', '--from-oci-layout', from, '--to-plain-http', to]),
  skopeo: (from: string, to: string) => succeed(peer('skopeo'), ['--insecure-policy', 'copy', '-q', '--all', '--dest-tls-verify=false', `oci:${from}`, `docker://${to}`]),
} as const;

export type CopyTool = keyof typeof copies;

/** Copies an artifact out of the kit to `<registry>/<its repository>:<version>`, which comes back. The layouts are unpacked in `folder`, once. */
export async function pushArtifact(tool: CopyTool, artifact: Artifact, registry: string, folder: string): Promise<string> {
  if (!existsSync(join(folder, kitPaths.artifacts))) await succeed(peer('tar'), ['-xf', kit.tar, '-C', folder, 'artifacts', 'signatures']);
  const target = `${registry}/${artifactRepositories[artifact]}:${kit.version}`;
  await copies[tool](`${join(folder, 'artifacts')}:${artifact}-${kit.version}`, target);
  return target;
}

/** The signature by tag of a digest, which `oras cp -r` does not carry. */
export async function pushTagSignature(artifact: Artifact, digest: string, registry: string, folder: string): Promise<void> {
  const [repository, tag] = [artifactRepositories[artifact], `${digest.replace(':', '-')}.sig`];
  await succeed(peer('oras'), ['cp', '--no-tty', '--from-oci-layout', `${join(folder, 'signatures')}:${repository}-${tag}`, '--to-plain-http', `${registry}/${repository}:${tag}`]);
}
