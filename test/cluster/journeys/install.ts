/** Runbook 2.1: a fresh install by helm, with the chart out of the registry; it stays for all that follows. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { makeSecrets, writeValues } from './installation.ts';
import { runbook } from './runbook.ts';
import { verifyInstall } from './verification.ts';
import type { Walk } from './walk.ts';

export function install(walk: () => Walk): void {
  const sh = (command: string): Promise<string> => walk().operator.sh(command);
  let since = 0;
  let before = 0;

  test('2.1.3: namespace and Secrets are made first', async () => {
    [since, before] = [Date.now(), walk().operator.commands.length];
    await makeSecrets(walk());
  });

  test('2.1: `zastava preflight` finds nothing that stands in the way', async () => {
    await writeValues(walk(), { enforcement: { default: 'audit' } });
    const { code, stdout, stderr } = await walk().operator.try(runbook.preflight);
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });

  test('2.1.5: helm installs the chart of the kit, pulled from the registry by its digest, in audit first', async () => {
    const digest = (await sh(runbook.chartDigest)).trim();
    expect((await sh('oras resolve $REG/zastava/zastava:1.0.0')).trim()).toBe(digest);
    const said = await sh(runbook.helm(`@${digest}`));
    expect(said).toContain('STATUS: deployed');
    expect(said).toContain('Nothing is enforced yet');
    expect(JSON.parse(await sh('helm history zastava-runtime --namespace stellaops -o json'))).toMatchObject([{ revision: 1, status: 'deployed', chart: 'zastava-1.0.0' }]);
  });

  test('2.1.6: every line of "Verify" gives what it promises', () => verifyInstall(walk()));

  test('1.1: Prometheus scrapes both programs', async () => {
    await eventually(async () => expect(await walk().ask('count(up{job="zastava"} == 1)')).toBe(4), 90);
    walk().count('fresh install', '2.1', since, `${walk().operator.commands.length - before} commands`);
  });

  test('1: scratch is in memory, the buffer is on a disk, and the observer knows', async () => {
    const { stage } = walk();
    const kindOf = async (path: string): Promise<string> => (await stage.room.succeed('findmnt', '-n', '-o', 'FSTYPE', '-T', path)).trim();
    expect([await kindOf('/var/run/zastava'), await kindOf('/var/lib/zastava')]).toEqual(['tmpfs', expect.not.stringMatching(/tmpfs/)]);
    await eventually(async () => expect(await walk().ask('max(zastava_runtime_buffer_volatile)')).toBe(0));
  });

  test('nothing is reachable but the site itself: the air gap', async () => {
    const { stage } = walk();
    const routes = await stage.room.succeed('ip', '-json', 'link', 'show');
    expect((JSON.parse(routes) as { ifname: string; link_netnsid?: number }[]).map(({ ifname }) => ifname.replace(/^veth.*/, 'veth')).filter((name, at, all) => all.indexOf(name) === at).sort()).toEqual(['cni0', 'lo', 'node0', 'veth']);
    for (const address of outerAddresses()) expect((await stage.room.run('curl', '-s', '--max-time', '2', `http://${address}/`)).code).not.toBe(0);
    expect((await stage.room.run('curl', '-s', '--max-time', '3', 'https://registry.k8s.io/')).code).not.toBe(0);
  });
}

/** Of this machine, as the outer world has them. */
function outerAddresses(): string[] {
  return [...readFileSync('/proc/net/fib_trie', 'utf8').matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address).filter((address) => !address.startsWith('127.'));
}

