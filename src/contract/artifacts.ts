/** OCI artifacts of a kit that are no images: Helm charts (HIP 6), and manifests for GitOps controllers. */

/** Config and layer of a chart. */
export const helmMediaTypes = {
  config: 'application/vnd.cncf.helm.config.v1+json',
  chart: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
} as const;

/** The type of an artifact of manifests; its one layer has the media type of an image's, which Argo CD allows by default. */
export const manifestsArtifactType = 'application/vnd.zastava.manifests.v1';

/** Of the artifact's manifest; what begins with org.opencontainers is shown by Flux, Argo CD and registries. */
export const artifactAnnotations = {
  title: 'org.opencontainers.image.title',
  description: 'org.opencontainers.image.description',
  licenses: 'org.opencontainers.image.licenses',
  version: 'org.opencontainers.image.version',
  created: 'org.opencontainers.image.created',
  /** The kit's folder whose files an artifact of manifests has. */
  folder: 'vnd.zastava.kit.folder',
} as const;
