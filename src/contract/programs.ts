/**
 * What the two runtime programs and the manifests that start them must agree on: environment, ports, paths,
 * and how long each step of serving and of ending may take. The relations are asserted in the test of this file.
 */

/** As in package.json. Not imported from there: then every change of that file would change the images. */
export const programVersion = '1.0.0';

/** Environment variables; each has a default, so a Pod sets none. */
export const programEnv = {
  /** Path of the configuration. */
  config: 'ZASTAVA_CONFIG',
  /** 0 takes any free port; the log line `listening` names it. */
  telemetryPort: 'ZASTAVA_TELEMETRY_PORT',
  webhookPort: 'ZASTAVA_WEBHOOK_PORT',
  /** Folder of tls.crt and tls.key. */
  tlsDir: 'ZASTAVA_TLS_DIR',
  /** Seconds to serve on after SIGTERM. */
  drainSeconds: 'ZASTAVA_DRAIN_SECONDS',
} as const;

export const programPaths = {
  config: '/etc/zastava/values.json',
  tlsDir: '/etc/zastava/tls',
  certificate: 'tls.crt',
  key: 'tls.key',
} as const;

/** Container ports. */
export const programPorts = { telemetry: 8080, webhook: 8443 } as const;

/** HTTP paths that Kubernetes and Prometheus call. */
export const httpPaths = { live: '/healthz', ready: '/readyz', metrics: '/metrics', validate: '/validate' } as const;

const second = 1000;

/**
 * Limits of the webhook's server (milliseconds, bytes). The API server keeps idle connections for 90 s, sends
 * reviews of at most two 3 MiB objects, and waits `timeoutSeconds` of the webhook configuration for an answer.
 */
export const serverLimits = {
  apiServerIdleMs: 90 * second,
  keepAliveMs: 95 * second,
  headersMs: 10 * second,
  requestMs: 30 * second,
  bodyBytesMax: 7 * 1024 * 1024,
  /** Then the connection is closed after the answer, so that long-lived ones spread over new replicas. */
  requestsPerConnectionMax: 1000,
  admissionTimeoutSeconds: 5,
} as const;

/**
 * The end of a program: SIGTERM → not ready, serve on while the cluster takes the Pod out of its endpoints →
 * accept no more, let requests in flight finish → exit. All of it fits in `terminationGraceSeconds`, else SIGKILL.
 */
export const shutdownLimits = {
  /** Nothing but probes and scrapes reaches the observer, so it does not serve on. */
  serveOnSeconds: { observer: 0, webhook: 10 },
  inFlightMs: 10 * second,
  terminationGraceSeconds: 30,
} as const;
