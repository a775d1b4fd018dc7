/** Runbook Appendix C, `tagPolicy`, `resolveTags` and `registries`: Pods that name their images by tags. */
import { expect, test } from 'vitest';
import { registryHost } from '../stage/names.ts';
import { settle } from './installation.ts';
import { runbook } from './runbook.ts';
import type { Walk } from './walk.ts';

const tagged = (name: string): string => `${registryHost}/apps/${name}:1.0`;
const access = { registries: [registryHost], registrySecret: 'zastava-registries' };

export function tags(walk: () => Walk): void {
  test('a tag is judged by what it means at the registry, and whoever made the Pod is told to name the digest', async () => {
    const { operator, workloads } = walk();
    operator.write('docker.json', '{}');
    await operator.sh(runbook.makeRegistrySecret);
    await settle(walk(), access);
    const told = await walk().create(walk().pod('by-tag', 'payments', tagged('payments')));
    expect(told).toMatchObject({ code: 0, stderr: expect.stringMatching(/it has no digest.*name the image by its digest/s) });
    expect(told.stderr).toContain(workloads.payments.split('@')[1]);
    const refused = await walk().create(walk().pod('by-tag-denied', 'payments', tagged('unsigned')));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('image.unsigned') });
    expect(refused.stderr).toContain(workloads.unsigned.split('@')[1]);
  });

  test('a tag that the registry does not have, and one at a registry that is not listed, are denied', async () => {
    for (const image of [tagged('nothing'), 'elsewhere.internal/apps/payments:1.0']) {
      expect(await walk().create(walk().pod('unresolved', 'payments', image)), image).toMatchObject({ code: 1, stderr: expect.stringMatching(/its tag was not resolved to a digest.*name the image by its digest/s) });
    }
  });

  test('`tagPolicy: deny` accepts images by digest only', async () => {
    await settle(walk(), { ...access, tagPolicy: 'deny' });
    expect(await walk().create(walk().pod('tag-refused', 'payments', tagged('payments')))).toMatchObject({ code: 1, stderr: expect.stringContaining('here only images with one are accepted') });
    expect(await walk().create(walk().pod('by-digest', 'payments', walk().workloads.payments))).toMatchObject({ code: 0, stderr: '' });
  });
}
