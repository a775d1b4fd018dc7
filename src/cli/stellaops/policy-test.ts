/**
 * `stellaops-cli runtime policy test`: the verdict on an image, and what the webhook would decide and why (runbook section 7);
 * the same for the Pods of a file, without Scanner if wanted, and for everything that runs.
 */
import type { Command } from 'commander';
import { parseImageReference } from '../../bytes/image-reference.ts';
import { parsePodValues } from '../../config/parse-values.ts';
import { valuesSchema, type Values } from '../../config/schema.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { AskPolicy } from '../../runtime/scanner/policy.ts';
import { printable } from '../../runtime/webhook/explanation.ts';
import { readInput } from '../terminal/inputs.ts';
import { printJson, renderTable, say, styled, warn, type OutputOptions } from '../terminal/terminal.ts';
import { describe, judge, outcomeOf, rowOf, setExitCode, summaryOf, type Find, type Webhook } from './judgement.ts';
import { kubeconfigPaths, readKubeconfig } from '../cluster/kubeconfig.ts';
import { readOperatorConfig } from './operator-config.ts';
import { patienceMs, withSession } from './operator-session.ts';
import { reviewOfImage, reviewOfRunning, reviewsOfFile } from './pod-reviews.ts';
import { parsePolicyFile } from './policy-file.ts';
import { listRunningPods } from './running-pods.ts';
import { RunningReport } from './running-report.ts';

interface TestOptions extends OutputOptions {
  readonly image?: string;
  readonly namespace: string;
  readonly file?: string;
  readonly policy?: string;
  readonly running?: boolean;
  readonly kubeconfig?: string;
  readonly values?: string;
}

/** Pods judged at once, and how many may go unasked before the rest is given up. */
const running = { atOnce: 4, unaskedMax: 20 } as const;

export function addPolicyTest(parent: Command): void {
  parent
    .command('test')
    .description('Shows the verdict on an image, its build-ids, and what the webhook would decide and why; the same for a file, and for all that runs.')
    .option('--image <digest>', 'repository@sha256:…, or sha256:… alone')
    .option('--namespace <ns>', 'the namespace that it would run in; of a file, where it names none', 'default')
    .option('--file <file>', 'judge every Pod and workload of a YAML file')
    .option('--policy <file>', 'with --file: judge by this policy and not by Scanner; what --image --json printed is one')
    .option('--running', 'judge every running Pod of the cluster as if its namespace were enforced: what would that break?')
    .option('--kubeconfig <file>', 'with --running (default: the files of KUBECONFIG, or ~/.kube/config)')
    .option('--values <file>', 'the values of the site: excluded namespaces, modes, tags, registries (default: those of the schema)')
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'print nothing but errors; the exit code tells')
    .addHelpText('after', `
Asked as the operator, never as a workload, by the variables
  STELLAOPS_AUTHORITY_ISSUER, STELLAOPS_AUTHORITY_CLIENT_ID, STELLAOPS_AUTHORITY_DPOP_KEY (a file, private JWK),
  STELLAOPS_AUTHORITY_CLIENT_CERT, STELLAOPS_AUTHORITY_CLIENT_KEY (files, PEM; without them no mutual TLS),
  STELLAOPS_AUTHORITY_SCOPE (default: aud:scanner), STELLAOPS_SCANNER_URL
or by ~/.config/stellaops/cli.yaml: authorityIssuer, clientId, dpopKey, clientCert, clientKey, scope, scannerUrl.
An authority of the site's own is trusted by NODE_EXTRA_CA_CERTS.

Examples:
  stellaops-cli runtime policy test --image registry.internal/payments/api@sha256:0f3b… --namespace payments
  stellaops-cli runtime policy test --file pod.yaml --policy answer.json
  stellaops-cli runtime policy test --running --values zastava-runtime.values.yaml`)
    .action(test);
}

async function test(options: TestOptions): Promise<void> {
  requireOneSubject(options);
  const { image, file, policy } = options;
  const site = options.values === undefined ? undefined : parsePodValues(await readInput(options.values, 'values file'), options.values).zastava;
  const webhook: Webhook = site?.webhook ?? (valuesSchema.shape.zastava.shape.webhook.parse(undefined) as Values['zastava']['webhook']);
  if (file !== undefined && policy !== undefined) return testFile(options, file, parsePolicyFile(await readInput(policy, 'policy'), policy), webhook);
  if (image !== undefined) requireDigest(image);
  await withSession(await readOperatorConfig(process.env, site?.runtime), webhook, async ({ ask, find }) => {
    if (image !== undefined) await testImage(options, image, ask, webhook);
    else if (file !== undefined) await testFile(options, file, find, webhook);
    else await testRunning(options, find, webhook);
  });
}

function requireOneSubject({ image, file, running, policy, kubeconfig }: TestOptions): void {
  const subjects = [image !== undefined, file !== undefined, running === true].filter(Boolean).length;
  if (subjects !== 1) throw new ZastavaError('usage', `expected one of --image, --file and --running, found ${subjects === 0 ? 'none' : `${subjects}`}`);
  if (policy !== undefined && file === undefined) throw new ZastavaError('usage', '--policy goes with --file: an image and what runs are judged by Scanner');
  if (kubeconfig !== undefined && !running) throw new ZastavaError('usage', '--kubeconfig goes with --running');
}

/** `sha256:…` */
const digestAlone = /^sha256:[0-9a-f]{64}$/;

function requireDigest(image: string): void {
  if (digestAlone.test(image) || parseImageReference(image)?.digest !== undefined) return;
  throw new ZastavaError('usage', `--image: expected repository@sha256:… or sha256:…, found ${JSON.stringify(image)}; a tag may mean another image tomorrow`);
}

/** A digest alone is a question, too. @throws what the question throws */
async function testImage(options: TestOptions, image: string, ask: AskPolicy, webhook: Webhook): Promise<void> {
  const review = reviewOfImage(digestAlone.test(image) ? `image@${image}` : image, options.namespace);
  const reference = parseImageReference(image);
  const resolved = reference?.digest === undefined ? image : `${reference.name}@${reference.digest}`;
  const { policyRevision, ttlSeconds, results } = await ask({ namespace: options.namespace, labels: {}, images: [resolved] }, performance.now() + patienceMs);
  const verdict = results.get(resolved)!;
  const judged = await judge({ source: image, review }, async ({ images }) => new Map(images.map(({ name }) => [name, { verdict, resolved, policyRevision, ttlSeconds, cached: false }])), webhook);
  const [firstBuildId = 'none known', ...otherBuildIds] = verdict.buildIds ?? [];
  const [yes, no] = ['yes', 'no'];
  say(options, styled('bold', resolved), ...renderTable([
    ['Verdict', verdict.policyVerdict],
    ['Reasons', verdict.reasons.map((reason) => printable(reason, 300)).join('; ') || 'none'],
    ['Signed', verdict.signed ? yes : no],
    ['SBOM', verdict.hasSbomReferrers ? yes : no],
    ['Build IDs', printable(firstBuildId, 128)],
    ...otherBuildIds.map((buildId) => ['', printable(buildId, 128)]),
    ['Policy', printable(policyRevision, 128)],
  ]), ...describe(judged));
  printJson(options, { ok: outcomeOf(judged) === 'allowed', ...summaryOf(judged), policyRevision, results: Object.fromEntries(results) });
  setExitCode([outcomeOf(judged)]);
}

async function testFile(options: TestOptions, file: string, find: Find, webhook: Webhook): Promise<void> {
  const judged = await Promise.all(reviewsOfFile(await readInput(file, 'file'), file, options.namespace).map((review) => judge(review, find, webhook)));
  const outcomes = judged.map(outcomeOf);
  const denied = outcomes.filter((outcome) => outcome === 'denied').length;
  say(options, ...renderTable([['what', 'namespace', 'decision', 'mode', 'reason'], ...judged.map(rowOf)]));
  for (const each of judged) say(options, '', `${printable(each.source, 120)}:`, ...describe(each));
  say(options, '', `${judged.length} judged, ${denied} would be denied`);
  printJson(options, { ok: outcomes.every((outcome) => outcome === 'allowed'), judged: judged.length, denied, pods: judged.map(summaryOf) });
  setExitCode(outcomes);
}

/** What enforcing would break is the question: neither modes of namespaces nor failing open soften the answer. */
async function testRunning(options: TestOptions, find: Find, webhook: Webhook): Promise<void> {
  const access = await readKubeconfig(kubeconfigPaths(options.kubeconfig));
  if (access.tls.rejectUnauthorized === false) warn('insecure-skip-tls-verify: whoever answers may not be the API server');
  const enforced: Webhook = { ...webhook, enforcement: { default: 'enforce', namespaces: {} }, failOpenNamespaces: [] };
  const report = new RunningReport();
  const pods = listRunningPods(access);
  const judgeNext = async (): Promise<void> => {
    for (let next = await pods.next(); !next.done; next = await pods.next()) {
      report.add(await judge(reviewOfRunning(next.value), find, enforced));
      if (report.counts.unasked >= running.unaskedMax) await pods.return(undefined);
    }
  };
  await Promise.all(Array.from({ length: running.atOnce }, judgeNext));
  const { counts, breaks } = report;
  const stopped = counts.unasked >= running.unaskedMax;
  if (stopped) warn(`stopped: about ${counts.unasked} Pods no verdict could be had from here; the rest was not tried`);
  say(options, ...report.render());
  printJson(options, { ok: counts.denied === 0 && counts.unasked === 0, ...counts, complete: !stopped, breaks });
  setExitCode([...(counts.denied > 0 ? ['denied' as const] : []), ...(counts.unasked > 0 ? ['unasked' as const] : [])]);
}
