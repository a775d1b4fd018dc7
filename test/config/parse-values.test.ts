/** The loader of values: defaults, all problems at once, rules between keys, and no secret in any message. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { parsePodValues, parseValues } from '../../src/config/parse-values.ts';
import { ZastavaError } from '../../src/contract/errors.ts';
import { readSetText, setNames } from '../fakes/value-sets.ts';

type Block = Record<string, unknown>;

function errorOf(text: string, parser = parseValues): ZastavaError {
  try {
    parser(text, 'site.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(ZastavaError);
    return error as ZastavaError;
  }
  throw new Error('the values were accepted');
}

/** The minimal values with changes: path → value; undefined takes the key away. */
function changed(changes: Readonly<Record<string, unknown>>): string {
  const values = parseYaml(readSetText('minimal')) as Block;
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.');
    const last = steps.pop() ?? '';
    let block = values;
    for (const step of steps) block = (block[step] ??= {}) as Block;
    block[last] = value;
  }
  return stringify(values);
}

function problemsOf(changes: Readonly<Record<string, unknown>>) {
  return errorOf(changed(changes)).problems;
}

const pem = (label: string) => `-----BEGIN ${label}-----\n${'QUJD'.repeat(20)}\n-----END ${label}-----\n`;

describe('good values', () => {
  test('take the defaults of the contract', () => {
    const { zastava } = parseValues(readSetText('minimal'), 'minimal.yaml');
    expect(zastava.runtime.authority).toEqual({
      issuer: 'https://authority.example', clientId: 'zastava-runtime', audience: ['scanner'], scopes: ['aud:scanner', 'api:scanner.runtime.write'],
      requireDpop: true, requireMutualTls: true, allowStaticTokenFallback: false, refreshSkewSeconds: 120,
    });
    expect(zastava.runtime.backend).toEqual({
      baseAddress: 'https://scanner.internal', eventsPath: '/api/v1/runtime/events', policyPath: '/api/v1/scanner/policy/runtime',
      requestTimeoutSeconds: 5, allowInsecureHttp: false,
    });
    expect(zastava.images).toEqual({ registry: 'registry.internal/zastava', pullSecrets: [] });
    expect(zastava.observer).toEqual({
      procRoot: '/host/proc', batchSize: 32, flushIntervalSeconds: 2,
      containerd: { socket: '/var/run/containerd/containerd.sock', root: '/var/lib/containerd', namespace: 'k8s.io' },
      limits: { eventsPerSecond: 50, burst: 200, bufferBytesMax: 67_108_864 },
      bufferHostPath: '/var/lib/zastava', libraries: { max: 256, maxBytes: 33_554_432 },
      security: { appArmorProfile: 'Unconfined', seLinuxType: '' },
    });
    const { tls, ...webhook } = zastava.webhook;
    expect(webhook).toEqual({
      replicas: 3, enforcement: { default: 'enforce', namespaces: {} }, failOpenNamespaces: [],
      excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', 'stellaops'],
      cacheTtlSeconds: 300, resolveTags: true, tagPolicy: 'warn', registries: [],
    });
    expect(tls).toMatchObject({ mode: 'secret', autoApprove: false });
    expect(zastava.monitoring).toEqual({ crds: false });
  });

  test('are frozen to the last list', () => {
    const { zastava } = parseValues(readSetText('everything'), 'everything.yaml');
    const objects = [zastava, zastava.runtime.authority, zastava.runtime.authority.scopes, zastava.webhook.failOpenNamespaces[0], zastava.webhook.enforcement.namespaces];
    expect(objects.every(Object.isFrozen)).toBe(true);
  });

  test('are read again from their own output, with the same result', () => {
    for (const name of setNames) {
      const values = parseValues(readSetText(name), name);
      expect(parseValues(JSON.stringify(values), name)).toEqual(values);
    }
  });

  test('are what the sample holds', () => {
    const sample = join(import.meta.dirname, '../../offline-kit/zastava-runtime.values.yaml');
    expect(parseValues(readFileSync(sample, 'utf8'), sample).zastava.runtime.tenant).toBe('tenant-a');
  });

  test('show in the comments of the sample the defaults that they have', () => {
    const sample = readFileSync(join(import.meta.dirname, '../../offline-kit/zastava-runtime.values.yaml'), 'utf8');
    const uncommented = sample.replace(/^( *)# ( *[a-z][A-Za-z]*:(?: .*)?)$/gm, '$1$2').replace('observer: {}', 'observer:');
    expect(uncommented).toContain('\n    containerd:');
    expect(parseValues(uncommented, 'uncommented sample')).toEqual(parseValues(sample, 'sample'));
  });
});

describe('bad values', () => {
  test('are listed all at once, also where the shape is wrong and where keys contradict each other', () => {
    const problems = problemsOf({
      'zastava.runtime.tenant': 'Acme Inc',
      'zastava.runtime.deployment': undefined,
      'zastava.runtime.authority.issuer': 'http://authority.example',
      'zastava.observer.batchSize': 0,
      'zastava.observer.procroot': '/proc',
      'zastava.webhook.replicas': '3',
      'zastava.webhook.tls.mode': 'csr',
      'zastava.webhook.excludedNamespaces': ['kube-system'],
    });
    expect(problems.map(({ where }) => where).sort()).toEqual([
      'zastava.observer.batchSize', 'zastava.observer.procroot', 'zastava.runtime.authority.issuer', 'zastava.runtime.deployment',
      'zastava.runtime.tenant', 'zastava.webhook.excludedNamespaces', 'zastava.webhook.replicas', 'zastava.webhook.tls.signerName',
    ]);
  });

  test('say what was expected and what was found', () => {
    expect(problemsOf({ 'zastava.observer.batchSize': 1000 })).toEqual([
      { where: 'zastava.observer.batchSize', expected: 'a whole number of events from 1 to 256', found: '1000' },
    ]);
    expect(problemsOf({ 'zastava.webhook.tagPolicy': 'warm' })).toEqual([{ where: 'zastava.webhook.tagPolicy', expected: 'one of warn, deny', found: '"warm"' }]);
    expect(errorOf('')).toMatchObject({ code: 'values.invalid', exitCode: 2, problems: [{ where: 'zastava', expected: 'a block of keys', found: 'nothing' }] });
  });

  test.each([
    ['zastava.runtime.authority.clientid', 'zastava.runtime.authority.clientId'],
    ['zastava.runtime.authority.requireDPoP', 'zastava.runtime.authority.requireDpop'],
    ['zastava.webhook.failOpenNamespace', 'zastava.webhook.failOpenNamespaces'],
    ['zastava.webhok', 'zastava.webhook'],
    ['zastava.authority', 'zastava.runtime.authority'],
    ['zastava.runtime.batchSize', 'zastava.observer.batchSize'],
  ])('with the unknown key %s ask whether %s was meant', (key, meant) => {
    expect(problemsOf({ [key]: 1 })).toEqual([{ where: key, expected: 'a key of the schema', found: 'an unknown key', todo: `did you mean ${meant}?` }]);
  });

  test('with a key that is like no other get no guess', () => {
    expect(problemsOf({ 'zastava.webhook.colour': 1 })[0]).not.toHaveProperty('todo');
  });

  test.each([
    ['a key twice', 'a: 1\nb: 2\na: 3\n', { where: 'line 3, column 1', found: 'duplicate key' }],
    ['an open quote', 'a: "x\n', { where: 'line 2, column 1' }],
    ['a tag of its own', 'a: !secret x\n', { found: 'tag resolve failed' }],
    ['two documents', 'a: 1\n---\nb: 1\n', { found: '2 documents' }],
    ['an alias bomb', `a: &a [x]\n${Array.from({ length: 60 }, (_, index) => `b${index}: *a`).join('\n')}\n`, { expected: 'plain YAML' }],
    ['too much text', `# ${'x'.repeat(1024 * 1024)}`, { expected: 'at most 1 MiB' }],
    ['a tower of lists', '['.repeat(10_000), { expected: 'YAML 1.2 with unique keys' }],
  ])('with %s are no YAML for us', (_what, text, problem) => {
    expect(errorOf(text).problems[0]).toMatchObject(problem);
  });
});

describe('the rules between keys', () => {
  test.each([
    ['https for Authority', { 'zastava.runtime.authority.issuer': 'http://a.example' }, 'zastava.runtime.authority.issuer'],
    ['https for Scanner', { 'zastava.runtime.backend.baseAddress': 'http://s.example' }, 'zastava.runtime.backend.baseAddress'],
    ['a CA for mode secret', { 'zastava.webhook.tls.caBundle': undefined }, 'zastava.webhook.tls.caBundle'],
    ['a signer for mode csr', { 'zastava.webhook.tls.mode': 'csr' }, 'zastava.webhook.tls.signerName'],
    ['kube-system outside the webhook', { 'zastava.webhook.excludedNamespaces': ['stellaops'] }, 'zastava.webhook.excludedNamespaces'],
    ['our namespace outside the webhook', { 'zastava.webhook.excludedNamespaces': ['kube-system'] }, 'zastava.webhook.excludedNamespaces'],
    ['no mode for an excluded namespace', { 'zastava.webhook.enforcement.namespaces': { 'kube-public': 'warn' } }, 'zastava.webhook.enforcement.namespaces.kube-public'],
    ['no fail-open for an excluded namespace', { 'zastava.webhook.failOpenNamespaces': [{ name: 'kube-public' }] }, 'zastava.webhook.failOpenNamespaces[0].name'],
    ['no fail-open where nothing is denied', { 'zastava.webhook.failOpenNamespaces': [{ name: 'a' }], 'zastava.webhook.enforcement.namespaces': { a: 'audit' } }, 'zastava.webhook.failOpenNamespaces[0].name'],
    ['each namespace once', { 'zastava.webhook.failOpenNamespaces': [{ name: 'a' }, { name: 'a' }] }, 'zastava.webhook.failOpenNamespaces[1]'],
    ['no tag named like a label', { 'zastava.runtime.metrics.commonTags.tenant': 'x' }, 'zastava.runtime.metrics.commonTags.tenant'],
    ['tags that Prometheus can name', { 'zastava.runtime.metrics.commonTags.a-b': 'x' }, 'zastava.runtime.metrics.commonTags.a-b'],
    ['a place of its own for the node\'s /proc', { 'zastava.observer.procRoot': '/proc' }, 'zastava.observer.procRoot'],
    ['a buffer outside containerd', { 'zastava.observer.bufferHostPath': '/var/lib/containerd/zastava' }, 'zastava.observer.bufferHostPath'],
    ['a socket outside the folder of our own mounts', { 'zastava.observer.containerd.socket': '/run/containerd.sock' }, 'zastava.observer.containerd.socket'],
    ['containerd outside the folder of our own mounts', { 'zastava.observer.containerd.root': '/tmp/containerd' }, 'zastava.observer.containerd.root'],
    ['two mounts at two places', { 'zastava.observer.procRoot': '/var/lib/containerd' }, 'zastava.observer.containerd.root'],
    ['a socket in a folder', { 'zastava.observer.containerd.socket': '/containerd.sock' }, 'zastava.observer.containerd.socket'],
  ])('want %s', (_what, changes, where) => {
    expect(problemsOf(changes).map((problem) => problem.where)).toEqual([where]);
  });

  test('let http to Scanner pass when a lab allows it', () => {
    const text = changed({ 'zastava.runtime.backend.baseAddress': 'http://s.example', 'zastava.runtime.backend.allowInsecureHttp': true });
    expect(parseValues(text, 'lab.yaml').zastava.runtime.backend.allowInsecureHttp).toBe(true);
  });

  test('ask a Pod for its own part only', () => {
    const { zastava } = parseValues(readSetText('minimal'), 'minimal.yaml');
    const part = JSON.stringify({ zastava: { runtime: zastava.runtime, observer: zastava.observer } });
    expect(parsePodValues(part, 'values.json').zastava.observer).toEqual(zastava.observer);
    expect(errorOf(part).problems.map(({ where }) => where)).toEqual(['zastava.webhook.tls.caBundle']);
    expect(errorOf(JSON.stringify({ zastava: { observer: {} } }), parsePodValues).problems.map(({ where }) => where)).toEqual(['zastava.runtime']);
  });
});

describe('secrets in the wrong place', () => {
  test('are refused in the CA bundle, and named as what they are', () => {
    for (const text of [pem('PRIVATE KEY'), pem('EC PRIVATE KEY'), pem('CERTIFICATE') + pem('ENCRYPTED PRIVATE KEY')]) {
      const [problem] = problemsOf({ 'zastava.webhook.tls.caBundle': text });
      expect(problem).toMatchObject({ where: 'zastava.webhook.tls.caBundle', found: 'a private key (not shown); it belongs in a Secret' });
    }
    expect(parseValues(changed({ 'zastava.webhook.tls.caBundle': `${pem('CERTIFICATE')}\n${pem('CERTIFICATE')}` }), 'two.yaml')).toBeDefined();
  });

  const secrets = [
    pem('PRIVATE KEY'), 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', 'https://user:hunter2@scanner.example', 'Bearer abcdef123',
    'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0', 'f3c1e9a0-77aa-4a09-9d2b-0a1b2c3d4e5f', 'password=hunter2',
  ];
  const places = [
    'zastava.runtime.tenant', 'zastava.runtime.authority.issuer', 'zastava.runtime.authority.scopes', 'zastava.observer.batchSize', 'zastava.observer.security.appArmorProfile',
    'zastava.webhook.tagPolicy', 'zastava.webhook.registries', 'zastava.images.registry', 'zastava.webhook.tls', 'zastava.clientSecret', 'zastava',
  ];

  test('never appear in a message, wherever they were pasted', () => {
    fc.assert(fc.property(fc.constantFrom(...secrets), fc.constantFrom(...places), fc.constantFrom('value', 'list', 'key', 'broken'), (secret, place, how) => {
      const values = { value: secret, list: [secret], key: { [secret]: 1 }, broken: secret };
      const text = changed({ [place]: values[how] });
      let error: ZastavaError;
      try {
        parseValues(how === 'broken' ? `${text}\n  - ${JSON.stringify(secret)}: [` : text, 'site.yaml');
        return;
      } catch (caught) {
        error = caught as ZastavaError;
      }
      const shown = JSON.stringify([error.message, error.problems, error.cause ?? '']);
      for (const part of secret.split(/[\s.=@]+/).filter((word) => word.length > 6 && !/^-+|KEY|PRIVATE|password|scanner|example|Bearer/.test(word))) expect(shown).not.toContain(part);
      expect(shown).not.toContain('hunter2');
      expect(shown).not.toContain('abcdef123');
    }), { numRuns: 400 });
  });

  test('and any other text lead to one kind of error only', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.json()), (text) => {
      expect(errorOf(text).code).toBe('values.invalid');
    }), { numRuns: 300 });
  });
});
