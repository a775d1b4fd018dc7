/**
 * The one schema of a values file (contract section 2): type, defaults, JSON schema and loader come from it, for
 * the build plane and for the Pods. Each message says what was expected; parse-values.ts adds where and what was found.
 */
import * as z from 'zod';

const MiB = 1024 * 1024;

const text = (pattern: RegExp, expected: string) => z.string({ error: expected }).regex(pattern, { error: expected });

const integer = (min: number, max: number, unit: string) => {
  const expected = `a whole number of ${unit} from ${min} to ${max}`;
  return z.int({ error: expected }).min(min, { error: expected }).max(max, { error: expected });
};

const oneOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, { error: `one of ${names.join(', ')}` });

const flag = () => z.boolean({ error: 'true or false' });

const list = <Item extends z.ZodType>(item: Item, max: number) =>
  z.array(item, { error: 'a list' }).max(max, { error: `a list of at most ${max}` });

const block = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape, { error: 'a block of keys' });

const map = <Key extends z.core.$ZodRecordKey, Value extends z.ZodType>(key: Key, value: Value) => z.record(key, value, { error: 'a block of keys' });

// The patterns go into values.schema.json, which Helm reads with Go's regular expressions: no look-around.

/** RFC 1123 label, as Kubernetes names namespaces. */
const name = () => text(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of a-z, 0-9 and - (RFC 1123 label, at most 63)');

/** RFC 1123 subdomain, as Kubernetes names Secrets. */
const objectName = () =>
  text(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/, 'a name of a-z, 0-9, - and . (RFC 1123 subdomain)')
    .max(253, { error: 'a name of at most 253 characters' });

/** An origin and path; credentials, queries and fragments have no place in it. */
const url = () => text(/^https?:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[1-9][0-9]{0,4})?(?:\/[A-Za-z0-9._~/-]*)?$/, 'an https URL without user, query and fragment');

const absolutePath = () => text(/^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/, 'an absolute path without steps that start with a dot');

const urlPath = () => text(/^(?:\/[A-Za-z0-9._~-]+)+$/, 'a URL path that starts with /');

/** Printable ASCII, so that every JSON writer gives the same bytes. */
const tag = () => text(/^[\x20-\x7e]{1,128}$/, '1 to 128 printable ASCII characters');

/** Not read by any program: it is a part of its configuration, and so a change makes new Pods (adr/0014). */
const revision = () => text(/^[A-Za-z0-9._:+-]{1,128}$/, '1 to 128 of A-Z, a-z, 0-9 and . _ : + -');

const registryHost = () => text(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?$/, 'a registry host, with :port if it is not 443');

const authority = block({
  issuer: url(),
  clientId: tag().default('zastava-runtime'),
  audience: list(tag(), 16).min(1, { error: 'a list of at least one' }).default(['scanner']),
  scopes: list(text(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'an OAuth scope'), 32).min(1, { error: 'a list of at least one' })
    .default(['aud:scanner', 'api:scanner.runtime.write']),
  requireDpop: flag().default(true),
  requireMutualTls: flag().default(true),
  allowStaticTokenFallback: flag().default(false),
  refreshSkewSeconds: integer(1, 300, 'seconds').default(120),
  keyRevision: revision().optional(),
});

const backend = block({
  baseAddress: url().default('https://scanner.internal'),
  eventsPath: urlPath().default('/api/v1/runtime/events'),
  policyPath: urlPath().default('/api/v1/scanner/policy/runtime'),
  requestTimeoutSeconds: integer(1, 60, 'seconds').default(5),
  allowInsecureHttp: flag().default(false),
});

const runtime = block({
  tenant: name(),
  environment: name(),
  deployment: name(),
  authority,
  backend: backend.prefault({}),
  metrics: block({
    commonTags: z.object({ cluster: tag() }, { error: 'a block of keys' })
      .catchall(tag()),
  }),
});

const images = block({
  registry: text(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/, 'a registry host and path without scheme, tag and digest')
    .default('registry.internal/zastava'),
  pullSecrets: list(objectName(), 16).default([]),
});

const observer = block({
  procRoot: absolutePath().default('/host/proc'),
  batchSize: integer(1, 256, 'events').default(32),
  flushIntervalSeconds: integer(1, 60, 'seconds').default(2),
  containerd: block({
    socket: absolutePath().default('/var/run/containerd/containerd.sock'),
    root: absolutePath().default('/var/lib/containerd'),
    namespace: text(/^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/, 'a containerd namespace').default('k8s.io'),
  }).prefault({}),
  limits: block({
    eventsPerSecond: integer(1, 10_000, 'events a second').default(50),
    burst: integer(1, 100_000, 'events').default(200),
    bufferBytesMax: integer(4 * MiB, 16 * 1024 * MiB, 'bytes').default(64 * MiB),
  }).prefault({}),
  bufferHostPath: absolutePath().default('/var/lib/zastava'),
  libraries: block({
    max: integer(0, 4096, 'libraries').default(256),
    maxBytes: integer(0, 1024 * MiB, 'bytes').default(32 * MiB),
  }).prefault({}),
  security: block({
    appArmorProfile: text(/^(?:Unconfined|RuntimeDefault|None|Localhost\/[A-Za-z0-9._/-]+)$/, 'Unconfined, RuntimeDefault, Localhost/<profile>, or None (field left out)')
      .default('Unconfined'),
    seLinuxType: text(/^[a-z0-9_]*$/, 'an SELinux type such as spc_t, or empty').default(''),
  }).prefault({}),
});

const enforcement = ['enforce', 'warn', 'audit'] as const;

const webhook = block({
  replicas: integer(1, 50, 'replicas').default(3),
  enforcement: block({
    default: oneOf(enforcement).default('enforce'),
    namespaces: map(name(), oneOf(enforcement)).default({}),
  }).prefault({}),
  failOpenNamespaces: list(block({
    name: name(),
    until: z.iso.datetime({ offset: true, error: 'a time such as 2026-01-31T12:00:00Z (RFC 3339)' }).optional(),
  }), 1000).default([]),
  excludedNamespaces: list(name(), 1000).default(['kube-system', 'kube-public', 'kube-node-lease', 'stellaops']),
  cacheTtlSeconds: integer(0, 86_400, 'seconds').default(300),
  resolveTags: flag().default(true),
  tagPolicy: oneOf(['warn', 'deny']).default('warn'),
  registries: list(registryHost(), 100).default([]),
  /** A Secret of type kubernetes.io/dockerconfigjson; also with `ca.crt` where the registries have a CA of their own. */
  registrySecret: objectName().optional(),
  tls: block({
    mode: oneOf(['secret', 'csr']).default('secret'),
    caBundle: text(/^[ \t\r\n]*(?:-----BEGIN CERTIFICATE-----[ \t\r\n][A-Za-z0-9+/= \t\r\n]{64,}-----END CERTIFICATE-----[ \t\r\n]*)+$/, 'public CA certificates in PEM and nothing else')
      .max(512 * 1024, { error: 'at most 512 KiB of certificates' }).optional(),
    signerName: text(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/, 'a signer such as example.com/webhooks')
      .max(571, { error: 'a signer name of at most 571 characters' }).optional(),
    autoApprove: flag().default(false),
    certificateRevision: revision().optional(),
  }).prefault({}),
});

export const valuesSchema = block({
  zastava: block({
    runtime,
    images: images.prefault({}),
    observer: observer.prefault({}),
    webhook: webhook.prefault({}),
    monitoring: block({ crds: flag().default(false) }).prefault({}),
  }),
});

type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T;

/** A values file with every default filled in, deeply frozen. */
export type Values = Frozen<z.output<typeof valuesSchema>>;
