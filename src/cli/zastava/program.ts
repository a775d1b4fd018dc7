/**
 * The command tree of the build plane: one file a verb (contract section 11). The docs are compared with it. What a verb needs
 * is loaded when it is called: checking a kit does not wait for cdk8s.
 */
import { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };

interface Verb {
  readonly does: string;
  /** Its file: `define` gives the command its arguments, options, examples and action. */
  readonly load: () => Promise<{ define(command: Command): void }>;
}

const groups: Readonly<Record<string, string>> = {
  values: 'Look at a values file.',
  kit: 'Build, verify and open offline kits.',
  buffer: "Read an observer's buffer.",
  keys: 'Make keys for a kit, its log and a site.',
  debug: 'Find, import and serve symbols by build-id.',
};

const verbs: Readonly<Record<string, Verb>> = {
  'synth': { does: 'Turns a values file into manifests, sorted and byte-stable, with the images by digest.', load: () => import('./synth.ts') },
  'values check': { does: 'Lists every problem of a values file, each with its path.', load: () => import('./values-check.ts') },
  'kit build': { does: 'Builds both images, renders the manifests, and seals everything into one signed and verified kit.', load: () => import('./kit-build.ts') },
  'kit sign': { does: 'Takes signatures made elsewhere (HSM, OpenSSL, cosign): those that kit build --unsigned asks for, or one more signature of a finished kit.', load: () => import('./kit-sign.ts') },
  'kit release': { does: 'Builds a kit by a release key and writes its signatures down in the release log; commit the log with the release.', load: () => import('./kit-release.ts') },
  'kit verify': { does: 'Checks a kit in one pass, in constant memory, without extracting: signature, manifest, every byte, OCI closure, images, metrics.', load: () => import('./kit-verify.ts') },
  'kit inspect': { does: 'Shows what a kit says it is: version, signer, images, files. Reads only its beginning and verifies nothing, but the manifest with --key.', load: () => import('./kit-inspect.ts') },
  'kit extract': { does: 'Verifies the whole kit first, then writes only what was asked for; nothing if anything is wrong.', load: () => import('./kit-extract.ts') },
  'kit diff': { does: 'Shows what changes in the cluster between two kits: images, packages, manifests, permissions, alerts, values, documents. Ends with 0 when nothing differs, with 1 when something does.', load: () => import('./kit-diff.ts') },
  'kit push': { does: 'Verifies a kit, then pushes its images with signatures, bills of materials and provenance, and its symbols into a registry. What is there is skipped; tags come last.', load: () => import('./kit-push.ts') },
  'preflight': { does: 'Before an install, on one page: cluster, rights, Secrets, certificates, registry, and from each node Authority, Scanner, containerd, buffer, security modules. Changes nothing.', load: () => import('./preflight.ts') },
  'buffer check': { does: "Says whether an observer's buffer is sound and what is in it; reads a copy, so that a running observer is not disturbed.", load: () => import('./buffer-check.ts') },
  'buffer dump': { does: "Prints an observer's buffer, one JSON line for each gap and event, oldest first; damaged rows are marked.", load: () => import('./buffer-dump.ts') },
  'keys make': { does: 'Makes one key, readable by its owner only, and the manifest of its Secret where a Pod mounts it. Never writes over a file.', load: () => import('./keys-make.ts') },
  'debug find': { does: 'Says for a build-id, a file or a process where its symbols are, or where they can be had. Ends with 1 when some are not here.', load: () => import('./debug-find.ts') },
  'debug import': { does: 'Verifies a kit, then puts its symbols into a debug folder.', load: () => import('./debug-import.ts') },
  'debug serve': { does: 'Serves a debug folder as debuginfod does, for gdb and elfutils; on loopback unless told otherwise.', load: () => import('./debug-serve.ts') },
  'relock': { does: 'Renews the lock of the base packages (Debian) and shows what changed. Needs apt.', load: () => import('./relock.ts') },
};

export function buildProgram(): Command {
  const program = new Command('zastava')
    .description('Builds, signs and verifies the offline kit of the Zastava runtime plane.')
    .version(packageJson.version)
    .addHelpText('after', '\nExit codes: 0 ok, 1 a check failed, 2 bad input or usage, 3 environment (file, network, missing tool).\nEvery verb has --help with examples, --json and --quiet.')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride();
  const parents = new Map<string, Command>();
  const groupOf = (name: string): Command => {
    const group = parents.get(name) ?? program.command(name).description(groups[name] ?? '');
    parents.set(name, group);
    return group;
  };
  for (const [path, { does, load }] of Object.entries(verbs)) {
    const [group, name] = path.includes(' ') ? (path.split(' ') as [string, string]) : [undefined, path];
    const parent = group === undefined ? program : groupOf(group);
    const command = parent.command(name).description(does);
    parent.hook('preSubcommand', async (_, called) => {
      if (called === command) (await load()).define(command);
    });
  }
  return program;
}
