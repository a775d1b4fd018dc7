/** The command tree of the build plane: one file a verb (contract section 11). The docs are compared with it. */
import { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { addKeysMake } from './keys-make.ts';
import { addKitBuild } from './kit-build.ts';
import { addKitDiff } from './kit-diff.ts';
import { addKitExtract } from './kit-extract.ts';
import { addKitInspect } from './kit-inspect.ts';
import { addKitRelease } from './kit-release.ts';
import { addKitSign } from './kit-sign.ts';
import { addKitVerify } from './kit-verify.ts';
import { addRelock } from './relock.ts';
import { addSynth } from './synth.ts';
import { addValuesCheck } from './values-check.ts';

export function buildProgram(): Command {
  const program = new Command('zastava')
    .description('Builds, signs and verifies the offline kit of the Zastava runtime plane.')
    .version(packageJson.version)
    .addHelpText('after', '\nExit codes: 0 ok, 1 a check failed, 2 bad input or usage, 3 environment (file, network, missing tool).\nEvery verb has --help with examples, --json and --quiet.')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride();
  addSynth(program);
  const values = program.command('values').description('Look at a values file.');
  addValuesCheck(values);
  const kit = program.command('kit').description('Build, verify and open offline kits.');
  addKitBuild(kit);
  addKitSign(kit);
  addKitRelease(kit);
  addKitVerify(kit);
  addKitInspect(kit);
  addKitExtract(kit);
  addKitDiff(kit);
  const keys = program.command('keys').description('Make keys for a kit, its log and a site.');
  addKeysMake(keys);
  addRelock(program);
  return program;
}
