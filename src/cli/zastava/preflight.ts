/** `zastava preflight`: is the site ready for an install? One page, before anything is changed. */
import type { Command } from 'commander';
import { parseImagesLock } from '../../config/parse-images-lock.ts';
import { parseValues } from '../../config/parse-values.ts';
import { ZastavaError } from '../../contract/errors.ts';
import type { PreflightFinding } from '../../contract/preflight.ts';
import { buildPreflightPods } from '../../synth/preflight-pods.ts';
import { ApiServer } from '../cluster/api-server.ts';
import { kubeconfigPaths, readKubeconfig } from '../cluster/kubeconfig.ts';
import { readInput } from '../terminal/inputs.ts';
import { printJson, say, warn, type OutputOptions } from '../terminal/terminal.ts';
import { checkoutPaths } from './checkout.ts';
import { checkNamespace, checkNodes, checkRights, checkVersion, type ClusterNode } from './preflight/cluster-checks.ts';
import { podSuffix, runOnNodes, type NodeFindings } from './preflight/node-pods.ts';
import { renderPage } from './preflight/page.ts';
import { checkRegistry } from './preflight/registry-checks.ts';
import { checkBundle, checkSecrets } from './preflight/secret-checks.ts';
import { checkSigner } from './preflight/signer-check.ts';
import { addRegistryOptions, type RegistryVerbOptions } from './registry-options.ts';
import { collect } from './trust-options.ts';

interface PreflightOptions extends OutputOptions, RegistryVerbOptions {
  readonly values: string;
  readonly images: string;
  readonly kubeconfig?: string;
  readonly node?: readonly string[];
  readonly pods?: boolean;
  readonly timeout: number;
  readonly space: number;
}

export function define(command: Command): void {
  const withInputs = command
    .option('--values <file>', 'the values file', checkoutPaths.values)
    .option('--images <file>', 'the image digests', checkoutPaths.imagesLock)
    .option('--kubeconfig <file>', 'default: the files of KUBECONFIG, or ~/.kube/config')
    .option('--node <name>', 'look at this node only; can be given again (default: all that run Linux and are ready)', collect)
    .option('--no-pods', 'start nothing in the cluster: what only a node can see is left out')
    .option('--timeout <seconds>', "for the Pods, the image's pull included", parseWhole('--timeout', 1, 3600), 120)
    .option('--space <MiB>', 'try the space of the registry with as much, if images are missing there; 0: do not', parseWhole('--space', 0, 65_536), 256);
  addRegistryOptions(withInputs)
    .option('--json', 'print what was found as JSON')
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', '\nIt reads, and changes nothing but for one short-lived Pod on each node, in the namespace stellaops, and an upload that is taken back.'
      + '\nEnds with 0 when all is well or a warning, with 1 when something failed, with 3 when something could not be looked at.'
      + '\n\nExamples:\n  zastava preflight --values site-a.yaml --images images.lock.json'
      + '\n  zastava preflight --values site-a.yaml --images images.lock.json --registry-ca registry-ca.pem --node worker-1 --json')
    .action(preflight);
}

async function preflight(options: PreflightOptions): Promise<void> {
  const { zastava } = parseValues(await readInput(options.values, 'values file'), options.values);
  const images = parseImagesLock(await readInput(options.images, 'list of image digests'), options.images);
  const access = await readKubeconfig(kubeconfigPaths(options.kubeconfig));
  if (access.tls.rejectUnauthorized === false) warn('insecure-skip-tls-verify: whoever answers may not be the API server');
  const api = new ApiServer(access);
  try {
    const version = await checkVersion(api);
    const { webhook } = zastava;
    const [rights, space, { finding, nodes }, secrets, signer, registry] = await Promise.all([
      checkRights(api), checkNamespace(api), checkNodes(api), checkSecrets(api, zastava),
      webhook.tls.mode === 'csr' ? checkSigner(api, webhook.tls.signerName ?? '') : undefined,
      checkRegistry(zastava.images, images, options.space * 1024 * 1024, options),
    ]);
    const findings: PreflightFinding[] = [version, rights, space, finding, ...secrets, ...(signer ? [signer, checkBundle(webhook.tls.caBundle ?? '')] : []), ...registry];
    const withPods = options.pods !== false;
    const perNode = withPods ? await lookFromNodes(api, { zastava }, images, chooseNodes(nodes, options.node), options) : [];
    if (!withPods) findings.push({ check: 'nodes from within', outcome: 'unknown', found: 'left out by --no-pods: names, TLS, token and policy, containerd, buffer, security modules, hidepid' });
    say(options, ...renderPage(findings, perNode));
    conclude(options, findings, perNode);
  } finally {
    await api.close();
  }
}

/** @throws `usage` for a node that is not there */
function chooseNodes(nodes: readonly ClusterNode[], named: readonly string[] | undefined): string[] {
  const unknown = (named ?? []).filter((name) => !nodes.some((node) => node.name === name));
  if (unknown.length > 0) throw new ZastavaError('usage', `the cluster has no Linux node ${unknown.join(', ')}`);
  return named !== undefined ? [...named] : nodes.filter(({ ready, suitable }) => ready && suitable).map(({ name }) => name);
}

async function lookFromNodes(api: ApiServer, values: Parameters<typeof buildPreflightPods>[0], images: Parameters<typeof buildPreflightPods>[1], nodes: readonly string[], options: PreflightOptions): Promise<NodeFindings[]> {
  // Later than we give up, so that the reason can still be read.
  const pods = buildPreflightPods(values, images, nodes, { suffix: podSuffix(), seconds: options.timeout + 30 });
  const watched = process.stderr.isTTY && !options.quiet && !options.json;
  return runOnNodes(api, pods.map((pod, index) => ({ node: nodes[index]!, pod })), options.timeout, (count) => {
    if (watched) process.stderr.write(`\r${count} of ${nodes.length} nodes${count === nodes.length ? '\n' : ''}`);
  });
}

function conclude(options: PreflightOptions, findings: readonly PreflightFinding[], nodes: readonly NodeFindings[]): void {
  const outcomes = [...findings, ...nodes.flatMap((node) => node.findings)].map(({ outcome }) => outcome);
  const code = outcomes.includes('failed') ? 1 : outcomes.includes('unknown') ? 3 : 0;
  if (code !== 0) process.exitCode = code;
  printJson(options, { ok: code === 0, findings, nodes });
}

function parseWhole(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new ZastavaError('usage', `${option} is a whole number from ${min} to ${max}, found ${JSON.stringify(text)}`);
  };
}
