import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseImagesLock } from '../../../src/config/parse-images-lock.ts';
import { parseValues } from '../../../src/config/parse-values.ts';
import type { Values } from '../../../src/config/schema.ts';
import { openKubernetesApi, type KubernetesApi } from '../../../src/runtime/webhook/kubernetes-api.ts';
import { checkHandshake } from '../../../src/runtime/webhook/readiness.ts';
import { checkRegistration, watchRegistration } from '../../../src/runtime/webhook/registration.ts';
import { renderArtifacts } from '../../../src/synth/render-artifacts.ts';
import { KubernetesApiServer } from '../../fakes/kubernetes-api.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';
import { TestPki } from '../../fakes/test-pki.ts';

interface Configuration {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly webhooks: [Record<string, unknown>, ...Record<string, unknown>[]];
}

let pki: TestPki;
let cluster: KubernetesApiServer;
let api: KubernetesApi;
/** Shows the serving certificate, as the webhook does. */
let serving: Server;
let values: Values;

const handshake = (caBundle: string): Promise<string | null> => checkHandshake((serving.address() as AddressInfo).port, caBundle);

function valuesOf(webhook: object = {}): Values {
  return parseValues(JSON.stringify({
    zastava: {
      runtime: { tenant: 'a', environment: 'b', deployment: 'c', authority: { issuer: 'https://authority.identity.svc/x' }, backend: { baseAddress: 'https://scanner.tools.svc.cluster.local' }, metrics: { commonTags: { cluster: 'c' } } },
      webhook: { excludedNamespaces: ['kube-system', 'stellaops', 'tools', 'identity'], failOpenNamespaces: [{ name: 'batch' }], tls: { caBundle: pki.ca }, ...webhook },
    },
  }), 'test');
}

/** What the manifests of these values make of the registration. */
function register(ofValues: Values): void {
  const lock = parseImagesLock(readFileSync(join(import.meta.dirname, '../../../offline-kit/images.lock.json'), 'utf8'), 'lock');
  cluster.registered.clear();
  for (const [path, text] of renderArtifacts(ofValues, lock)) {
    if (!path.endsWith('.yaml')) continue;
    const objects = parseAllDocuments(String(text)).map((document) => document.toJS() as Configuration | null);
    for (const object of objects) if (object?.kind === 'ValidatingWebhookConfiguration') cluster.registered.set(object.metadata.name, object);
  }
}

beforeAll(async () => {
  pki = await TestPki.make();
  cluster = await KubernetesApiServer.start(pki);
  api = (await openKubernetesApi(cluster.env()))!;
  serving = createServer(await pki.server(['zastava-webhook.stellaops.svc']));
  await new Promise<void>((resolve) => serving.listen(0, resolve));
  values = valuesOf();
});
afterAll(async () => {
  serving.close();
  await cluster[Symbol.asyncDispose]();
});
beforeEach(() => {
  cluster.answer = () => undefined;
  register(values);
});

const differences = (ofValues: Values = values): Promise<string[]> => checkRegistration({ api, zastava: ofValues.zastava, handshake });
const registered = (name = 'zastava-webhook') => (cluster.registered.get(name) as Configuration).webhooks[0];
const named = (operator: string, ...names: string[]): object => ({ matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator, values: names }] });

test.each<[string, object]>([
  ['enforces', { failOpenNamespaces: [] }],
  ['enforces, and fails open for some', {}],
  ['enforces, and warns in some', { enforcement: { namespaces: { shop: 'warn', lab: 'audit' } } }],
  ['warns, and enforces in one', { enforcement: { default: 'warn', namespaces: { shop: 'enforce' } }, failOpenNamespaces: [] }],
  ['only watches', { enforcement: { default: 'audit' }, failOpenNamespaces: [] }],
])('what the manifests make differs in nothing from a site that %s', async (_, webhook) => {
  const own = valuesOf(webhook);
  register(own);
  expect(await differences(own)).toEqual([]);
});

test('what the API server fills in by itself is no difference', async () => {
  Object.assign(registered(), { objectSelector: {}, matchConditions: [], rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'], scope: '*' }] });
  expect(await differences()).toEqual([]);
});

describe('tells', () => {
  test.each<[string, object, RegExp]>([
    ['another failurePolicy', { failurePolicy: 'Ignore' }, /^zastava-webhook: failurePolicy: expected "Fail", found "Ignore"; with another one, Pods get past/],
    ['another timeout', { timeoutSeconds: 30 }, /timeoutSeconds: expected 5, found 30/],
    ['side effects', { sideEffects: 'Some' }, /sideEffects: expected "None", found "Some"/],
    ['an exact match', { matchPolicy: 'Exact' }, /matchPolicy: expected "Equivalent", found "Exact"/],
    ['labels by which a Pod gets past', { objectSelector: { matchLabels: { judge: 'yes' } } }, /objectSelector: expected \{\}, found \{"matchLabels":\{"judge":"yes"\}\}; with one, labels of a Pod decide/],
    ['conditions by which a Pod gets past', { matchConditions: [{ name: 'x', expression: 'false' }] }, /matchConditions: expected \[\], found/],
    ['a rule that is missing', { rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['pods'] }] }, /^zastava-webhook: rules: UPDATE of pods\/ephemeralcontainers is not judged/],
    ['rules of other things', { rules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['*'] }] }, /rules: CREATE of pods is not judged/],
    ['no authority', { clientConfig: { service: { name: 'zastava-webhook', namespace: 'stellaops', path: '/validate' } } }, /^zastava-webhook: caBundle does not verify the serving certificate \(it is empty\)/],
    ['an authority that is none', { clientConfig: { caBundle: Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n').toString('base64') } }, /caBundle does not verify the serving certificate \(tls: /],
    ['another Service', { clientConfig: { service: { name: 'other', namespace: 'stellaops', path: '/validate' } } }, /clientConfig: expected the Service zastava-webhook\.stellaops:443\/validate, found other\.stellaops:443\/validate/],
    ['an address in place of the Service', { clientConfig: { url: 'https://elsewhere.example/validate' } }, /found https:\/\/elsewhere\.example\/validate/],
  ])('%s', async (_, change, expected) => {
    Object.assign(registered(), change);
    expect(await differences()).toContainEqual(expect.stringMatching(expected));
  });

  test('an authority that did not issue the serving certificate', async () => {
    const other = await TestPki.make();
    Object.assign(registered(), { clientConfig: { service: { name: 'zastava-webhook', namespace: 'stellaops', path: '/validate', port: 443 }, caBundle: Buffer.from(other.ca).toString('base64') } });
    expect(await differences()).toEqual([expect.stringMatching(/^zastava-webhook: caBundle does not verify the serving certificate \(tls: .*\): the API server cannot call the webhook; put the authority/)]);
  });

  test('namespaces that are judged and should not be, and those that should be and are not', async () => {
    Object.assign(registered(), { namespaceSelector: named('NotIn', 'kube-system', 'tools', 'identity', 'batch', 'smuggled') });
    expect(await differences()).toEqual([
      'namespaces smuggled: expected behind Fail, found behind nothing; apply the manifests again, or correct the values',
      'namespaces stellaops: expected behind nothing, found behind Fail; apply the manifests again, or correct the values',
    ]);
  });

  test('all namespaces at once, when the selector is gone', async () => {
    delete registered()['namespaceSelector'];
    expect(await differences()).toEqual([
      'namespaces batch: expected behind Ignore, found behind both; apply the manifests again, or correct the values',
      'namespaces identity, kube-system, stellaops, tools: expected behind nothing, found behind Fail; apply the manifests again, or correct the values',
    ]);
  });

  test('a selector of one namespace, or of none', async () => {
    Object.assign(registered(), { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } });
    expect(await differences()).toEqual([expect.stringMatching(/^namespaces any namespace that is not listed: expected behind Fail, found behind nothing/)]);
    Object.assign(registered(), { namespaceSelector: named('DoesNotExist') });
    expect(await differences()).toEqual([expect.stringMatching(/^namespaces any namespace that is not listed: expected behind Fail, found behind nothing/)]);
  });

  test('that Scanner, Authority or a registry could not start while the webhook is down', async () => {
    const forgotten = valuesOf({ excludedNamespaces: ['kube-system', 'stellaops'], registries: ['images.registry.svc:5000', 'registry.internal'] });
    register(forgotten);
    const what = 'is judged with failurePolicy Fail: it could not start while the webhook is down; add it to zastava.webhook.excludedNamespaces';
    expect(await differences(forgotten)).toEqual([`the namespace tools of Scanner ${what}`, `the namespace identity of Authority ${what}`, `the namespace registry of the registry images.registry.svc:5000 ${what}`]);
  });

  test.each(['zastava-webhook', 'zastava-webhook-failopen'])('a registration that is not there: %s', async (name) => {
    cluster.registered.delete(name);
    expect(await differences()).toEqual([`the cluster has no ValidatingWebhookConfiguration ${name}: no Pod is judged by it; apply the manifests again`]);
  });

  test('a registration that is not even one', async () => {
    cluster.registered.set('zastava-webhook', { webhooks: 'none' });
    expect(await differences()).toEqual(['zastava-webhook: expected one webhook, found 0; apply the manifests again']);
  });
});

describe('the watch', () => {
  const problem = 'the registration of this webhook cannot be checked';
  const difference = 'the registration of this webhook differs from its values';

  test('tells each state once, and that all is well', async () => {
    const log = new RecordedLog();
    const again = watchRegistration({ api, zastava: values.zastava, handshake, log: log.log });
    await again();
    await again();
    Object.assign(registered(), { failurePolicy: 'Ignore' });
    await again();
    await again();
    expect(log.lines.map(({ level, msg }) => [level, msg])).toEqual([['info', 'the registration of this webhook fits its values'], ['warn', difference]]);
  });

  test('sees soon that a registration which was not there at first has come', async () => {
    const log = new RecordedLog();
    const all = [...cluster.registered];
    cluster.registered.clear();
    watchRegistration({ api, zastava: values.zastava, handshake, log: log.log }, { fitsMs: 3_600_000, differsMs: 10 });
    await expect.poll(() => log.lines.map(({ msg }) => msg)).toEqual([difference, difference]);
    for (const [name, configuration] of all) cluster.registered.set(name, configuration);
    await expect.poll(() => log.lines.at(-1)).toMatchObject({ level: 'info', msg: 'the registration of this webhook fits its values' });
  });

  test('without access there is one warning, and the webhook goes on', async () => {
    const log = new RecordedLog();
    cluster.answer = () => ({ status: 403, body: { message: 'forbidden' } });
    const again = watchRegistration({ api, zastava: values.zastava, handshake, log: log.log });
    await again();
    await again();
    expect(log.lines).toMatchObject([{ level: 'warn', msg: problem, error: { code: 'cluster.refused', message: expect.stringContaining('403') } }]);
    const without = new RecordedLog();
    await watchRegistration({ api: undefined, zastava: values.zastava, handshake, log: without.log })();
    expect(without.lines).toMatchObject([{ level: 'warn', msg: problem, error: { message: 'there is no ServiceAccount token here' } }]);
  });
});
