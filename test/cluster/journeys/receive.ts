/** Runbook 5 and 1: the kit arrives, is proven, and goes into the registry. */
import { expect, test } from 'vitest';
import { programVersion } from '../../../src/contract/programs.ts';
import { provisionDashboard } from './dashboard.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

export function receive(walk: () => Walk): void {
  const sh = (command: string): Promise<string> => walk().operator.sh(command);
  let since = 0;

  /** A copy in the registry is what the kit has. */
  const isCopied = async (repository: string, digest: string): Promise<void> => expect((await sh(`oras resolve $REG/${repository}:${programVersion}`)).trim(), repository).toBe(digest);

  async function imagesAreCopied(place: string): Promise<void> {
    const { images } = JSON.parse(walk().operator.read('kit/images.lock.json')) as { images: Record<string, { index: string }> };
    for (const [program, { index }] of Object.entries(images)) await isCopied(`${place}/${program}`, index);
  }

  test('5: the kit is verified by cosign, with the key that came another way', async () => {
    since = Date.now();
    const { code, stdout, stderr } = await walk().operator.try(runbook.verifyByCosign);
    expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: expect.stringContaining('Verified OK') });
  });

  test('5: the verifier that the kit carries agrees, and its tools are taken out', async () => {
    await sh(runbook.takeTools);
    expect(await sh(runbook.verifyByItself)).toMatch(/^verified: sha256:[0-9a-f]{64}, /m);
  });

  test('2.1: its images go into the registry with oras', async () => {
    for (const command of runbook.pushImages) await sh(command);
    await imagesAreCopied('by-oras');
  });

  test('2.1: chart and manifests do, too, and skopeo brings the same images', async () => {
    for (const command of [...runbook.pushArtifacts, ...runbook.pushImagesBySkopeo]) await sh(command);
    const { manifests } = JSON.parse(walk().operator.read('artifacts/index.json')) as { manifests: { digest: string; annotations?: Record<string, string> }[] };
    for (const [artifact, repository] of [['chart', 'zastava'], ['manifests', 'manifests']] as const) {
      const found = manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === `${artifact}-${programVersion}`);
      await isCopied(`by-oras/${repository}`, found!.digest);
    }
    await imagesAreCopied('by-skopeo');
  });

  test('2.1: `zastava kit push` does the same in one command, with all that vouches for the images', async () => {
    await sh(runbook.pushKit);
    for (const program of ['observer', 'webhook']) expect(await sh(`oras discover --format json $REG/zastava/${program}:${programVersion}`)).toContain('sigstore.bundle');
  });

  provisionDashboard(walk);

  test('5: the rules go to Prometheus, and promtool agrees', async () => {
    for (const command of runbook.takeRules) await sh(command);
    const port = walk().stage.port('prometheus');
    expect((await fetch(`http://127.0.0.1:${port}/-/reload`, { method: 'POST' })).status).toBe(200);
    const { data } = (await (await fetch(`http://127.0.0.1:${port}/api/v1/rules?type=alert`)).json()) as { data: { groups: { rules: { name: string }[] }[] } };
    expect(data.groups.flatMap(({ rules }) => rules.map(({ name }) => name))).toContain('ZastavaAdmissionDenySpike');
    walk().count('receive and load', '1, 5', since, `${walk().operator.commands.length} commands`);
  });
}
