/**
 * What the constructs know of a site (adr/0002). Constants aside, an object depends on these facts only, and in three ways: a
 * fact of `put` is placed as it is or inside a text, one of `each` gives an element for each of its elements (none: the
 * key is left out), and one of `when` decides whether something is there. So the same constructs can also make a
 * chart: with marks in place of the facts. All computing on values happens here.
 */
import { createHash } from 'node:crypto';
import type { Values } from '../config/schema.ts';
import type { ImagesLock } from '../contract/images-lock.ts';
import { configText } from './config-text.ts';
import { namespaceSets } from './namespace-sets.ts';

export interface Facts {
  readonly put: {
    readonly observerImage: string;
    readonly webhookImage: string;
    /** Canonical JSON, and its SHA-256 in hex. */
    readonly observerConfig: string;
    readonly observerConfigSha256: string;
    readonly webhookConfig: string;
    readonly webhookConfigSha256: string;
    readonly procRoot: string;
    readonly containerdRoot: string;
    readonly containerdSocketFolder: string;
    readonly bufferHostPath: string;
    readonly appArmorType: string;
    readonly appArmorLocalhostProfile: string;
    readonly seLinuxType: string;
    readonly webhookReplicas: number;
    /** Base64 of the PEM text. */
    readonly caBundle: string;
    readonly signerName: string;
    readonly registrySecret: string;
  };
  readonly each: {
    readonly pullSecrets: readonly string[];
    /** Namespaces of the Fail configuration: all but these, or only these (never both). */
    readonly failNotIn: readonly string[];
    readonly failIn: readonly string[];
    /** Namespaces of the Ignore configuration: all but these, or only these. */
    readonly ignoreNotIn: readonly string[];
    readonly ignoreIn: readonly string[];
  };
  readonly when: {
    readonly dpop: boolean;
    readonly mutualTls: boolean;
    readonly staticToken: boolean;
    readonly certificateFromSecret: boolean;
    readonly certificateFromCsr: boolean;
    readonly autoApprove: boolean;
    readonly registryAccess: boolean;
    readonly appArmor: boolean;
    readonly appArmorLocalhost: boolean;
    readonly seLinux: boolean;
    readonly customResources: boolean;
    readonly nothingEnforced: boolean;
    readonly failOpen: boolean;
  };
}

export function buildFacts({ zastava }: Values, { images }: ImagesLock): Facts {
  const { authority } = zastava.runtime;
  const { observer, webhook } = zastava;
  // More replicas are no reason to restart those that are there.
  const { replicas, ...webhookProgram } = webhook;
  const observerConfig = configText({ zastava: { runtime: zastava.runtime, observer } });
  const webhookConfig = configText({ zastava: { runtime: zastava.runtime, webhook: webhookProgram } });
  const [appArmorType = '', ...profile] = observer.security.appArmorProfile.split('/');
  const sets = namespaceSets(webhook);
  return {
    put: {
      observerImage: `${zastava.images.registry}/observer@${images.observer.index}`,
      webhookImage: `${zastava.images.registry}/webhook@${images.webhook.index}`,
      observerConfig,
      observerConfigSha256: sha256(observerConfig),
      webhookConfig,
      webhookConfigSha256: sha256(webhookConfig),
      procRoot: observer.procRoot,
      containerdRoot: observer.containerd.root,
      containerdSocketFolder: observer.containerd.socket.slice(0, observer.containerd.socket.lastIndexOf('/')),
      bufferHostPath: observer.bufferHostPath,
      appArmorType,
      appArmorLocalhostProfile: profile.join('/'),
      seLinuxType: observer.security.seLinuxType,
      webhookReplicas: replicas,
      caBundle: Buffer.from(webhook.tls.caBundle ?? '').toString('base64'),
      signerName: webhook.tls.signerName ?? '',
      registrySecret: webhook.registrySecret ?? '',
    },
    each: { pullSecrets: zastava.images.pullSecrets, ...sets },
    when: {
      dpop: authority.requireDpop,
      mutualTls: authority.requireMutualTls,
      staticToken: authority.allowStaticTokenFallback,
      certificateFromSecret: webhook.tls.mode === 'secret',
      certificateFromCsr: webhook.tls.mode === 'csr',
      autoApprove: webhook.tls.autoApprove,
      registryAccess: webhook.registrySecret !== undefined,
      appArmor: appArmorType !== 'None',
      appArmorLocalhost: appArmorType === 'Localhost',
      seLinux: observer.security.seLinuxType !== '',
      customResources: zastava.monitoring.crds,
      nothingEnforced: sets.failNotIn.length === 0 && sets.failIn.length === 0,
      failOpen: sets.ignoreNotIn.length > 0 || sets.ignoreIn.length > 0,
    },
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
