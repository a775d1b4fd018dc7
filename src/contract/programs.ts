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
  /** Folder of the mounted Secrets for Authority. */
  authorityDir: 'ZASTAVA_AUTHORITY_DIR',
  /** Folder of the ServiceAccount's token and the cluster's authority. */
  serviceAccountDir: 'ZASTAVA_SERVICE_ACCOUNT_DIR',
  /** Folder of what the program writes for itself: its socket. */
  scratchDir: 'ZASTAVA_SCRATCH_DIR',
  /** Folder of the observer's buffer. */
  bufferDir: 'ZASTAVA_BUFFER_DIR',
} as const;

export const programPaths = {
  serviceAccountDir: '/var/run/secrets/kubernetes.io/serviceaccount',
  config: '/etc/zastava/values.json',
  tlsDir: '/etc/zastava/tls',
  certificate: 'tls.crt',
  key: 'tls.key',
} as const;

/** File in the scratch folder by which a command in the container reaches the program. */
export const adminSocketName = 'admin.sock';

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
  /** How often connections are looked at for these. */
  lookMs: second,
  /** More are closed as they come: an API server keeps 25 idle ones and opens more under load. */
  connectionsMax: 1024,
  /** Of TLS 1.3, and those of 1.2 with forward secrecy and authenticated encryption. */
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
  bodyBytesMax: 7 * 1024 * 1024,
  /** Then the connection is closed after the answer, so that long-lived ones spread over new replicas. */
  requestsPerConnectionMax: 1000,
  admissionTimeoutSeconds: 5,
  /** Of the seconds that the API server names it may have this much less: it rounds up. */
  timeoutRoundingMs: second,
  /** For the answer's way back. */
  answerReserveMs: 100,
  /** What is answered at the least, however little time is given. */
  answerMsMin: 100,
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
