/** Runbook 7: from the build-ids that Scanner knows of an image to the names of functions in its running process, by symbols out of the kit. */
import { stringify } from 'yaml';
import { expect, test } from 'vitest';
import { makeDpopJwk } from '../../fakes/test-pki.ts';
import { eventually } from '../../peers/harness/commands.ts';
import { operatorClient, siteNames } from '../stage/names.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

/** Of the plane itself: for the C library in its image, the kit has the symbols. */
const program = 'zastava-webhook';

export function symbols(walk: () => Walk): void {
  const sh = (command: string): Promise<string> => walk().operator.sh(command);
  let library = '';

  /** What Scanner knows of an image. */
  const buildIds = (image: string, namespace: string): Promise<string[]> => eventually(async () => {
    const said = await sh(runbook.testPolicy(image, namespace));
    const [, ids] = /^Build IDs {2}((?:[0-9a-f]+\s+)+)/m.exec(said) ?? [];
    if (ids === undefined) throw new Error(said);
    return ids.trim().split(/\s+/);
  });

  test('7.1, 7.4: Scanner knows the build-ids of an image, whoever asks does so as herself, and the running process has one of them', async () => {
    const { stage, operator, workloads } = walk();
    const client = await stage.pki.client(operatorClient);
    for (const [name, text] of [['client.crt', client.cert], ['client.key', client.key], ['jwk.json', makeDpopJwk().text]] as const) operator.write(`.config/stellaops/${name}`, text);
    operator.write('.config/stellaops/cli.yaml', stringify({ authorityIssuer: `https://${siteNames.authority}`, clientId: operatorClient, scannerUrl: `https://${siteNames.scanner}`, dpopKey: 'jwk.json', clientCert: 'client.crt', clientKey: 'client.key' }));
    const [, running] = /Build ID: ([0-9a-f]+)/.exec(await sh(runbook.readBuildId('sleep.1000000'))) ?? [];
    expect(await buildIds(workloads.payments, 'observed')).toContain(running);
  });

  test('7.2: `zastava debug find` names all that the process has mapped, and the kit has the symbols of its C library', async () => {
    const { code, stdout } = await walk().operator.try(runbook.findSymbols(program));
    expect(code).toBe(1);
    library = /^([0-9a-f]{40}) +MISSING .*\/libc\.so\.6 +zastava debug import /m.exec(stdout)?.[1] ?? stdout;
    const image = await walk().stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', `app=${program}`, '-o', 'jsonpath={.items[0].spec.containers[0].image}');
    expect(await buildIds(image, 'stellaops')).toContain(library);
  });

  test('7.3: they come out of the kit, or out of the registry, the same', async () => {
    await sh(runbook.importSymbols);
    const path = (await sh(runbook.listSymbols(library))).trim();
    await sh(runbook.pullSymbols(library));
    await sh(`cmp ${path} ${path.replace('/var/opt/debug', 'pulled')}`);
    const { stdout } = await walk().operator.try(runbook.findSymbols(program));
    expect(stdout).toMatch(new RegExp(`^${library} +here +${path} .*/libc\\.so\\.6`, 'm'));
    // Of these nobody has symbols, and it is said.
    expect(stdout).toMatch(/MISSING .*\/node +nowhere: /);
  });

  test('7.5: debuginfod-find gets them from `zastava debug serve`, and gdb names the source line where the process waits', async () => {
    const fetched = (await sh(runbook.serveSymbols(runbook.fetchSymbols(library)))).split('\n').find((line) => line.startsWith('/'));
    await sh(`cmp ${fetched} ${(await sh(runbook.listSymbols(library))).trim()}`);
    expect(await sh(runbook.serveSymbols(runbook.debug(program)))).toMatch(/#\d .*(?:epoll|futex|cond|poll|sem)\w* \(.* at \S+\.c:\d+/);
  });
}
