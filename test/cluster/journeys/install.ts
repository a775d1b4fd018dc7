/** Runbook 2.1: a fresh install by helm, with the chart out of the registry; it stays for all that follows. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { programVersion } from '../../../src/contract/programs.ts';
import { eventually, run } from '../../peers/harness/commands.ts';
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
    expect((await sh(`oras resolve $REG/zastava/zastava:${programVersion}`)).trim()).toBe(digest);
    const said = await sh(runbook.helm(`@${digest}`));
    expect(said).toContain('STATUS: deployed');
    expect(said).toContain('Nothing is enforced yet');
    expect(JSON.parse(await sh('helm history zastava-runtime --namespace stellaops -o json'))).toMatchObject([{ revision: 1, status: 'deployed', chart: `zastava-${programVersion}` }]);
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
    const links = await stage.room.succeed('ip', '-json', 'link', 'show');
    expect((JSON.parse(links) as { ifname: string }[]).map(({ ifname }) => ifname.replace(/^veth.*/, 'veth')).filter((name, at, all) => all.indexOf(name) === at).sort()).toEqual(['cni0', 'lo', 'node0', 'veth']);
    const outside = createServer((_, response) => response.end()).listen(0, '0.0.0.0');
    onTestFinished(() => void outside.close());
    await once(outside, 'listening');
    const addresses = outerAddresses();
    expect(addresses).not.toEqual([]);
    for (const address of addresses) {
      const ask = ['curl', '-s', '--noproxy', '*', '--max-time', '2', `http://${address}:${(outside.address() as AddressInfo).port}/`] as const;
      expect((await run(ask[0], ask.slice(1))).code, address).toBe(0);
      // No connection, or none in time.
      expect([7, 28], address).toContain((await stage.room.run(...ask)).code);
    }
    expect((await stage.room.run('curl', '-s', '--max-time', '3', 'https://registry.k8s.io/')).code).not.toBe(0);
  });
}

/** Of this machine, as the outer world has them. */
function outerAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((each) => each ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}
