/** `zastava kit push`: verifies the whole kit, then brings its images, what refers to them and its symbols into a registry. */
import type { Command } from 'commander';
import { openKit } from '../../kit/open-kit.ts';
import { pushKit, type PushedKit } from '../../kit/push/push-kit.ts';
import { formatBytes, printJson, renderTable, say, startProgress, warn, type OutputOptions } from '../terminal/terminal.ts';
import { addRegistryOptions, openRegistry, parseRegistry, type RegistryVerbOptions } from './registry-options.ts';
import { addTrustOptions, readTrust, type TrustOptions } from './trust-options.ts';

interface PushVerbOptions extends TrustOptions, RegistryVerbOptions {}

export function define(command: Command): void {
  const withArguments = command
    .argument('<kit>', 'the kit')
    .argument('<registry>', 'HOST[:PORT][/PATH], as in zastava.images.registry: images become REGISTRY/observer and REGISTRY/webhook, symbols REGISTRY/debug-store');
  addRegistryOptions(addTrustOptions(withArguments))
    .option('--json', 'print what was pushed as JSON')
    .option('--quiet', 'print nothing but errors and warnings')
    .addHelpText('after', '\nNothing is sent of a kit that does not hold. A push that was broken off is repeated by the same command: what is there is skipped.'
      + '\n\nExamples:\n  zastava kit push zastava-runtime-1.0.0.tar.zst registry.internal/zastava --key zastava-runtime.pub'
      + '\n  zastava kit push KIT registry.internal:5000/zastava --key zastava-runtime.pub --registry-ca registry-ca.pem --docker-config ./config.json'
      + '\n  zastava kit push KIT gitlab.internal:5050/ops/zastava --key zastava-runtime.pub --token-host gitlab.internal')
    .action(push);
}

async function push(path: string, registry: string, options: PushVerbOptions): Promise<void> {
  const { domain, path: below } = parseRegistry(registry);
  const { trust, signatures } = await readTrust(path, options);
  const kit = await openKit(path, signatures);
  const verifying = startProgress(options, 'verifying the kit');
  const pushing = startProgress(options, 'pushing');
  const pushed = await pushKit(kit, {
    ...trust,
    onProgress: (bytes) => verifying.update(bytes, kit.bytes ?? bytes),
    onSent: (sent, total) => pushing.update(sent, total),
    openRegistry: async (names) => {
      verifying.stop();
      const scopes = names.map((name) => `repository:${below === '' ? name : `${below}/${name}`}:pull,push`);
      return { client: await openRegistry(domain, scopes, options), path: below };
    },
  }).finally(() => {
    verifying.stop();
    pushing.stop();
  });
  sayPushed(options, pushed);
}

function sayPushed(options: OutputOptions, { report, blobs, manifests, tags }: PushedKit): void {
  if (report.signer?.kind === 'development') warn('DEVELOPMENT KEY: this kit is signed by a key that was made on a build machine, for trying out.');
  for (const { name, before, digest } of tags) if (before !== undefined) warn(`${name} was ${before}, and is ${digest} now`);
  const images = tags.filter(({ name }) => !name.endsWith('.sig') && !/\/debug-store:/.test(name));
  say(options, ...renderTable(images.map(({ name, digest, isNew }) => [name, digest, isNew ? 'new' : 'was there'])));
  say(options, `${tags.length} tags, ${tags.filter(({ isNew }) => isNew).length} of them new; ${manifests.sent} manifests sent, ${manifests.present} were there; ${blobs.sent} blobs sent (${formatBytes(blobs.sentBytes)}), ${blobs.mounted} taken over from another repository, ${blobs.present} were there`);
  printJson(options, { ok: true, sha256: report.sha256, blobs, manifests, tags });
}
