/**
 * Values → the files of dist/gitops: objects for Argo CD and for Flux, filled in for this site and checked against their
 * own schemas by the peers' tests. They are examples: a site takes one file, and changes what only it can know. Pure.
 */
import type { Values } from '../../config/schema.ts';
import { artifactRepositories, cosignSecret } from '../../contract/gitops.ts';
import { buildDefaults } from '../chart/chart-values.ts';
import { orderKeys, renderYaml } from '../render-artifacts.ts';
import { argoCdFiles } from './argo-cd.ts';
import { fluxFiles } from './flux.ts';
import type { GitOpsObject, Site } from './site.ts';

const folder = 'gitops';

/** Path below dist/ → text. `version`: of the kit whose artifacts were copied into the registry. */
export function renderGitops(values: Values, version: string): Map<string, string> {
  const { runtime, images } = values.zastava;
  const site: Site = {
    deployment: runtime.deployment,
    registry: images.registry,
    version,
    gitRepository: 'https://git.internal/platform/clusters.git',
    chartValues: withoutDefaults(values, buildDefaults()) as object,
  };
  return new Map([
    ...named('argocd', argoCdFiles(site)),
    ...named('flux', fluxFiles(site)),
    [`${folder}/README.md`, renderReadme(site)],
  ]);
}

function named(controller: string, files: ReadonlyMap<string, readonly GitOpsObject[]>): [string, string][] {
  return [...files].map(([name, objects]) => [`${folder}/${controller}/${name}`, objects.map((object) => renderYaml(orderKeys(object))).join('---\n')]);
}

/** Members that are not as in `defaults`; undefined when all are. Lists are compared whole. */
function withoutDefaults(value: unknown, defaults: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || typeof defaults !== 'object' || defaults === null) {
    return JSON.stringify(value) === JSON.stringify(defaults) ? undefined : value;
  }
  const members = Object.entries(value).map(([key, member]) => [key, withoutDefaults(member, (defaults as Record<string, unknown>)[key])] as const);
  const own = members.filter(([, member]) => member !== undefined);
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

function renderReadme({ deployment, registry, version, gitRepository }: Site): string {
  const { chart, manifests } = artifactRepositories;
  return `# GitOps for ${deployment}

One of these files is enough; each delivers the whole runtime plane. Namespace and Secrets come first, as the runbook says.

| file | takes | change |
|---|---|---|
| \`argocd/manifests-git.yaml\` | \`manifests/\` from Git | \`repoURL\` (here ${gitRepository}) and \`path\`; commit \`manifests/\` there |
| \`argocd/manifests-oci.yaml\` | \`oci://${registry}/${manifests}:${version}\` | nothing |
| \`argocd/chart-oci.yaml\` | \`oci://${registry}/${chart}:${version}\` with this cluster's values | nothing |
| \`flux/manifests-oci.yaml\` | \`oci://${registry}/${manifests}:${version}\`, verified | nothing |
| \`flux/chart-oci.yaml\` | \`oci://${registry}/${chart}:${version}\`, verified, with this cluster's values | nothing |

The artifacts are in the kit. The one of manifests holds those of the values that the kit was built with; with values of your own, take the chart, or Git, or make an artifact of your \`manifests/\`, sign it (\`cosign sign\`), and name its tag:

\`\`\`sh
tar -czf manifests.tar.gz -C manifests .
oras push ${registry}/${manifests}:${deployment} manifests.tar.gz:application/vnd.oci.image.layer.v1.tar+gzip
\`\`\`

Flux takes what \`flux push artifact\` makes, too; Argo CD refuses the media type of its layer. Those of the kit come so:

\`\`\`sh
zstd -dc zastava-runtime-${version}.tar.zst | tar -x -f - artifacts signatures
oras cp -r --from-oci-layout artifacts:manifests-${version} ${registry}/${manifests}:${version}
oras cp -r --from-oci-layout artifacts:chart-${version} ${registry}/${chart}:${version}
\`\`\`

Flux verifies by the Secret \`${cosignSecret}\`, made of the public key that came another way than the kit:

\`\`\`sh
kubectl -n flux-system create secret generic ${cosignSecret} --from-file=zastava-runtime.pub=trust/zastava-runtime.pub
\`\`\`

Older versions of Flux look for signatures by tag alone: copy these from the layout \`signatures\`, as the kit's README does for the images. Argo CD verifies no OCI artifact itself: let an admission policy or the copy into the registry do it (\`cosign verify\`), or name the digest in \`targetRevision\`.
`;
}
