/**
 * Names of the objects in the cluster and of what they mount (contract section 1; runbook sections 1, 2 and 4).
 * Manifests make them, programs read them, alerts and documents name them. Ports and paths of the programs: programs.ts.
 */

/** The namespace of everything; made by plain manifests only, never by a chart. */
export const namespace = 'stellaops';

/** Names of observer and webhook: workload, ServiceAccount, ConfigMap, container, value of the label `app`. */
export const objectNames = {
  observer: 'zastava-observer',
  webhook: 'zastava-webhook',
  /** The ValidatingWebhookConfiguration of the namespaces where a webhook that does not answer lets Pods pass. */
  webhookFailOpen: 'zastava-webhook-failopen',
  /** PrometheusRule and PodMonitor. */
  monitoring: 'zastava-runtime',
} as const;

/** `app.kubernetes.io/part-of` of every object. */
export const partOf = 'zastava-runtime';

/** Secrets are referenced by these names and never made by us. */
export const secretNames = {
  /** The private JWK of the DPoP proofs; annotation `revision`. */
  dpop: 'zastava-authority-dpop',
  /** Client certificate and key. */
  mtls: 'zastava-authority-mtls',
  /** The fallback token of the bootstrap. */
  static: 'zastava-authority-static',
  /** Serving certificate and key of the webhook, type kubernetes.io/tls. */
  webhookTls: 'zastava-webhook-tls',
} as const;

/** Files in `mountPaths.registries`: keys of a Secret of type kubernetes.io/dockerconfigjson, the second one optional. */
export const registryFiles = { dockerConfig: '.dockerconfigjson', ca: 'ca.crt' } as const;

/** Key of both ConfigMaps; mounted as the file `programPaths.config`. */
export const configKey = 'values.json';

/** Folders in the containers. Host folders of containerd are mounted at the same path as on the node. */
export const mountPaths = {
  /** Below it `dpop`, `mtls` and `static`: one Secret each. */
  authority: '/etc/zastava/authority',
  /** The Secret of `webhook.registrySecret`: a docker config and, where the registries need it, their CA. */
  registries: '/etc/zastava/registries',
  scratch: '/var/run/zastava',
  buffer: '/var/lib/zastava',
} as const;

/** Environment variable by which the observer learns the name of its node. */
export const nodeNameEnv = 'NODE_NAME';

/** Folders of the node that do not depend on values. */
export const hostPaths = { proc: '/proc', scratch: '/var/run/zastava' } as const;

/** Numeric user and group of the webhook: `nonroot` of the image. */
export const webhookUser = 65532;

/** Names of the webhooks in the two configurations; metrics and audit records of the API server have them. */
export const webhookNames = { enforced: 'pods.zastava-webhook.stellaops', failOpen: 'pods-failopen.zastava-webhook.stellaops' } as const;

/** The label by which Kubernetes itself names each namespace: users cannot set it. */
export const namespaceNameLabel = 'kubernetes.io/metadata.name';

/** Port of the webhook's Service, and names of the container ports. */
export const servicePort = 443;
export const portNames = { telemetry: 'telemetry', webhook: 'https' } as const;

/** Namespaces that stay outside every webhook, whatever a site lists: the cluster could not start again otherwise. */
export const namespacesNeverJudged = ['kube-system', namespace] as const;
