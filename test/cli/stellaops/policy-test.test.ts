import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Operator } from '../../fakes/operator.ts';
import type { ScannerOptions, Verdict } from '../../fakes/scanner-server.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const [good, bad] = [`registry.internal/pay/api@${digest('a')}`, `registry.internal/pay/unsigned@${digest('b')}`];
const buildIds = ['5f0c7c3cb4d9f8a4f1c1d5c6b7e8f90123456789', '93ac61ec5a8eb1396f9fbd350e3169a558528a40'];
let operator: Operator;
let ownOptions: ScannerOptions;

const judge = (image: string): Verdict => (image.includes('unsigned') ? { policyVerdict: 'fail', reasons: ['image is not signed'] } : { policyVerdict: 'pass', buildIds });

beforeAll(async () => {
  operator = await Operator.start();
  ownOptions = operator.scanner.options = { ...operator.scanner.options, judge, revision: 'rev-42' };
});
afterEach(() => {
  operator.scanner.options = ownOptions;
});
afterAll(() => operator[Symbol.asyncDispose]());

const values = (webhook: object): string => operator.write('values.yaml', JSON.stringify({ zastava: { runtime: { tenant: 'a', environment: 'b', deployment: 'c', authority: { issuer: 'https://a' }, metrics: { commonTags: { cluster: 'c' } } }, webhook } }));

describe('of one image, as the runbook prints it', () => {
  test('shows verdict, reasons, signature, SBOM, build-ids, and what the webhook would decide', async () => {
    const { code, stdout, stderr } = await operator.policyTest('--image', good, '--namespace', 'payments');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe([
      good, 'Verdict    pass', 'Reasons    none', 'Signed     yes', 'SBOM       yes', `Build IDs  ${buildIds[0]}`, `           ${buildIds[1]}`, 'Policy     rev-42',
      'The webhook would allow it (enforced, policy.pass)', '',
    ].join('\n'));
    expect(operator.scanner.questions.at(-1)).toEqual({ namespace: 'payments', labels: {}, images: [good] });
  });

  test('a digest alone is a question, too; a tag beside a digest says nothing', async () => {
    expect((await operator.policyTest('--image', digest('c'), '--namespace', 'payments')).code).toBe(0);
    expect(operator.scanner.questions.at(-1)?.images).toEqual([digest('c')]);
    expect((await operator.policyTest('--image', good.replace('@', ':2.3@'), '--namespace', 'payments')).code).toBe(0);
    expect(operator.scanner.questions.at(-1)?.images).toEqual([good]);
  });

  test('ends with 1 when it would be denied, and says why in words', async () => {
    const { code, stdout } = await operator.policyTest('--image', bad, '--namespace', 'payments');
    expect(code).toBe(1);
    expect(stdout).toMatch(/The webhook would deny it \(enforced, policy\.fail\): Pod payments\/policy-test: .*image is not signed/);
  });

  test('an image without known build-ids says so', async () => {
    expect((await operator.policyTest('--image', bad)).stdout).toMatch(/^Build IDs {2}none known$/m);
  });

  test('gives a program one JSON document, which is a policy for --file', async () => {
    const { code, stdout } = await operator.policyTest('--image', bad, '--namespace', 'payments', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, outcome: 'denied', decision: 'deny', reason: 'policy.fail', policyRevision: 'rev-42', results: { [bad]: { policyVerdict: 'fail', reasons: ['image is not signed'] } } });
    const file = operator.write('pod.yaml', JSON.stringify({ kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'a', image: bad }] } }));
    expect(await operator.policyTest('--file', file, '--policy', operator.write('kept.json', stdout))).toMatchObject({ code: 1, stdout: expect.stringContaining('image is not signed') });
  });

  test('--quiet prints nothing; the exit code tells', async () => {
    expect(await operator.policyTest('--image', bad, '--quiet')).toEqual({ code: 1, stdout: '', stderr: '' });
  });

  test.each([
    ['a namespace that only warns', { enforcement: { namespaces: { payments: 'warn' } } }, 'would allow it (warned, policy.fail)'],
    ['a namespace that is excluded', { excludedNamespaces: ['kube-system', 'stellaops', 'payments'] }, 'The webhook is not asked: payments is one of zastava.webhook.excludedNamespaces'],
  ])('by the values of the site: %s lets it pass', async (_, webhook, said) => {
    const { code, stdout } = await operator.policyTest('--image', bad, '--namespace', 'payments', '--values', values(webhook));
    expect([code, stdout]).toEqual([0, expect.stringContaining(said)]);
  });

  test('control characters of an answer do not reach the terminal', async () => {
    operator.scanner.options = { ...ownOptions, judge: () => ({ policyVerdict: 'warn', reasons: ['\u001b]0;owned\u0007\n'], buildIds: ['\u001b[2J'] }) };
    // eslint-disable-next-line no-control-regex
    expect((await operator.policyTest('--image', good)).stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('when there is no verdict to be had, it is the environment and no verdict: 3', () => {
  test.each([
    ['Scanner fails', 'scanner.unavailable', { answer: () => ({ status: 503, headers: { 'retry-after': '60' } }) }],
    ['Scanner refuses the token', 'scanner.rejected', { answer: () => ({ status: 403, body: '{"title":"not for you"}' }) }],
    ['Scanner answers something else', 'scanner.answer-invalid', { answer: () => ({ status: 200, body: '{}' }) }],
  ] as const)('%s', async (_, code, options) => {
    operator.scanner.options = { ...ownOptions, ...options };
    expect(await operator.policyTest('--image', good)).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining(`error[${code}]`) });
  });

  test('Authority refuses the client, and Scanner is not asked', async () => {
    const before = operator.scanner.questions.length;
    operator.authority.options = { ...operator.authority.options, intercept: ({ path }) => (path === '/token' ? { status: 401, body: '{"error":"invalid_client"}' } : undefined) };
    const { code, stderr } = await operator.policyTest('--image', good);
    operator.authority.options = { clientId: 'operator' };
    expect([code, stderr, operator.scanner.questions.length]).toEqual([3, expect.stringContaining('invalid_client'), before]);
  });
});

describe('of a file', () => {
  const container = (image: string): object => ({ name: 'a', image });
  const policy = (): string => operator.write('policy.json', JSON.stringify({ policyRevision: 'rev-9', results: { [good]: { policyVerdict: 'pass', signed: true } }, default: { policyVerdict: 'fail', reasons: ['unknown'] } }));
  const pod = (name: string, image: string): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'payments' }, spec: { containers: [container(image)] } });
  const file = (...objects: object[]): string => operator.write('all.yaml', objects.map((each) => JSON.stringify(each)).join('\n---\n'));

  test('judges every Pod and template by the policy in a file, without Scanner', async () => {
    const before = operator.scanner.connections;
    const { code, stdout } = await operator.policyTest('--file', file(pod('p', good), { kind: 'Deployment', metadata: { name: 'd' }, spec: { template: { spec: { containers: [container(bad)] } } } }, { kind: 'ConfigMap' }), '--policy', policy(), '--namespace', 'shop');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Pod p +payments +allow +enforced +policy\.pass$/m);
    expect(stdout).toMatch(/^Deployment d +shop +deny +enforced +policy\.fail$/m);
    expect(stdout).toContain('2 judged, 1 would be denied');
    expect(operator.scanner.connections).toBe(before);
  });

  test('judges by Scanner where no policy is given, with the labels of the Pod', async () => {
    const labelled = { ...pod('p', good), metadata: { name: 'p', namespace: 'payments', labels: { app: 'api' } } };
    expect(await operator.policyTest('--file', file(labelled))).toMatchObject({ code: 0, stdout: expect.stringContaining('1 judged, 0 would be denied') });
    expect(operator.scanner.questions.at(-1)).toEqual({ namespace: 'payments', labels: { app: 'api' }, images: [good] });
  });

  test('a tag is resolved as the webhook does it: at listed registries only', async () => {
    const { code, stdout } = await operator.policyTest('--file', file(pod('p', 'registry.internal/pay/api:2')));
    expect(code).toBe(1);
    expect(stdout).toContain('registry.internal is not one of zastava.webhook.registries');
  });

  test('Scanner that fails is no denial', async () => {
    operator.scanner.options = { ...ownOptions, answer: () => ({ status: 503, headers: { 'retry-after': '60' } }) };
    const { code, stdout } = await operator.policyTest('--file', file(pod('p', good)));
    expect([code, stdout]).toEqual([3, expect.stringContaining('No verdict could be had from here')]);
  });

  test('refuses a policy with every problem', async () => {
    const { code, stderr } = await operator.policyTest('--file', file(pod('p', good)), '--policy', operator.write('bad.json', '{"results": {"x": {"policyVerdict": "PASS"}}, "default": 3}'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/results\["x"\]\.policyVerdict[\s\S]*default: expected an object/);
  });
});

describe('of everything that runs', () => {
  const running = (namespace: string, name: string, image: string, imageID: string): object => ({
    metadata: { namespace, name }, spec: { containers: [{ name: 'a', image }] }, status: { phase: 'Running', containerStatuses: [{ name: 'a', imageID }] },
  });
  let server: Server;
  let pods: object[];
  const asked: string[] = [];
  const pageSize = 2;

  beforeAll(async () => {
    server = createServer(await operator.pki.server(), (request, response) => {
      asked.push(`${request.headers.authorization} ${request.url}`);
      const from = Number(new URL(request.url ?? '', 'https://x').searchParams.get('continue') ?? 0);
      const next = from + pageSize < pods.length ? String(from + pageSize) : '';
      response.end(JSON.stringify({ metadata: { continue: next }, items: pods.slice(from, from + pageSize) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    operator.write('kubeconfig', JSON.stringify({
      'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }], users: [{ name: 'u', user: { token: 'operator-token' } }],
      clusters: [{ name: 'c', cluster: { server: `https://localhost:${(server.address() as AddressInfo).port}`, 'certificate-authority-data': Buffer.from(operator.pki.ca).toString('base64') } }],
    }));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  const all = (...args: string[]) => operator.policyTest('--running', '--kubeconfig', `${operator.folder}/kubeconfig`, ...args);

  test('says what enforcing would break: image by image, with counts, whatever the mode of the namespace is now', async () => {
    pods = [
      running('payments', 'ok', 'registry.internal/pay/api:2', good), running('kube-system', 'dns', 'coredns:1', bad),
      running('payments', 'old-1', 'registry.internal/pay/unsigned:1', bad), running('payments', 'old-2', 'registry.internal/pay/unsigned:1', bad),
      running('shop', 'by-tag', 'registry.internal/shop/web:3', `sha256:${'d'.repeat(64)}`),
    ];
    asked.length = 0;
    const { code, stdout, stderr } = await all('--values', values({ enforcement: { default: 'warn' } }));
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^Pods +namespace +image +why +for example$/),
      expect.stringMatching(/^2 +payments +registry\.internal\/pay\/unsigned:1 +policy\.fail: image is not signed +payments\/old-[12]$/),
      expect.stringMatching(/^1 +shop +registry\.internal\/shop\/web:3 +tag\.unresolved: .* +shop\/by-tag$/),
    ]);
    expect(stdout).toContain('4 running Pods judged; 3 would be denied; 1 would be allowed; 1 in excluded namespaces left out');
    expect(asked).toHaveLength(3);
    expect(asked.every((each) => each.startsWith('Bearer operator-token /api/v1/pods?limit=') && each.includes('status.phase'))).toBe(true);
  });

  test('nothing that breaks ends with 0', async () => {
    pods = [running('payments', 'ok', good, good)];
    const { code, stdout } = await all('--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, { ok: true, judged: 1, allowed: 1, denied: 0, unasked: 0, excluded: 0, complete: true, breaks: [] }]);
  });

  test('a tag is refused where values want digests, although the digest that runs is known', async () => {
    pods = [running('payments', 'ok', 'registry.internal/pay/api:2', good)];
    const { code, stdout } = await all('--json', '--values', values({ tagPolicy: 'deny' }));
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { denied: 1, breaks: [{ reason: 'tag.refused', pods: 1 }] }]);
  });

  test('gives up when Scanner fails, and does not call that a denial', async () => {
    operator.scanner.options = { ...ownOptions, answer: () => ({ status: 503, headers: { 'retry-after': '60' } }) };
    pods = Array.from({ length: 60 }, (_, index) => running('payments', `pod-${index}`, good, good));
    const { code, stdout, stderr } = await all('--json');
    const report = JSON.parse(stdout) as { judged: number; denied: number; complete: boolean };
    expect([code, report.denied, report.complete]).toEqual([3, 0, false]);
    expect(report.judged).toBeLessThan(30);
    expect(stderr).toContain('stopped');
  });
});

describe('refuses', () => {
  test('a tag, since it may mean another image tomorrow', async () => {
    expect(await operator.policyTest('--image', 'registry.internal/pay/api:2')).toMatchObject({ code: 2, stderr: expect.stringContaining('a tag may mean') });
  });

  test.each([
    ['nothing to judge', []], ['two things', ['--image', good, '--running']], ['a policy without a file', ['--image', good, '--policy', 'x']],
    ['a kubeconfig without --running', ['--image', good, '--kubeconfig', 'x']], ['an unknown option', ['--nope']],
  ])('%s', async (_, args) => {
    expect((await operator.policyTest(...args)).code).toBe(2);
  });

  test('a file that is not there: 3', async () => {
    expect((await operator.policyTest('--file', '/nowhere/pod.yaml', '--policy', '/nowhere/policy.json')).code).toBe(3);
  });
});
