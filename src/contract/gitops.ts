/** Names in the kit and at a site that GitOps controllers are pointed to. */

/** Repositories below `images.registry`: of the chart, by its own name as helm wants it, and of the manifests. */
export const artifactRepositories = { chart: 'zastava', manifests: 'manifests' } as const;

/** Of the Helm release, the Applications and Flux's objects. */
export const releaseName = 'zastava-runtime';

/** Secret in Flux's namespace with the kit's public key; every key of it that ends with `.pub` is trusted. */
export const cosignSecret = 'zastava-runtime-cosign';
