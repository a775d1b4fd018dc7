import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { renderDebianSources } from '../../src/images/debian-sources.ts';

let folder = '';
async function etcApt(files: Record<string, string>): Promise<string> {
  folder = await mkdtemp(join(tmpdir(), 'images-test-'));
  await mkdir(join(folder, 'sources.list.d'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
afterEach(async () => { await rm(folder, { recursive: true }); });

const stanza = (uri: string, suites: string, keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'): string =>
  `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nTargets: Packages\nSigned-By: ${keyring}\n`;

describe('the sources of the machine', () => {
  it('in deb822 style give the same mirrors for the other suite', async () => {
    const apt = await etcApt({ 'sources.list.d/debian.sources': `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
# another
Suites: bookworm bookworm-updates
 bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
` });
    expect(await renderDebianSources('trixie', apt)).toBe([
      stanza('http://mirror.example/debian', 'trixie trixie-updates', '/usr/share/keyrings/debian-archive-keyring.pgp'),
      stanza('http://mirror.example/debian-security', 'trixie-security'),
    ].join('\n'));
  });

  it('in one-line style do, too, and each mirror counts once', async () => {
    const apt = await etcApt({
      'sources.list': 'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-bookworm-stable.gpg] http://mirror.example/debian stable main # ours\n#deb http://old.example/debian stable main\ndeb-src http://mirror.example/debian stable main\n',
      'sources.list.d/again.list': 'deb http://mirror.example/debian/ trixie main\ndeb http://mirror.example/debian bookworm main\n',
    });
    expect(await renderDebianSources('trixie', apt)).toBe([stanza('http://mirror.example/debian', 'trixie'), stanza('http://mirror.example/debian/', 'trixie')].join('\n'));
  });

  it('that are not Debian\'s own, or switched off, are left out', async () => {
    const apt = await etcApt({
      'sources.list.d/a.list': 'deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example bookworm main\ndeb https://other.example nodistro main\ndeb https://third.example bookworm vendor\n',
      'sources.list.d/b.sources': 'Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n',
      'sources.list.d/c.list.disabled': 'deb http://mirror.example/debian bookworm main\n',
    });
    await expect(renderDebianSources('trixie', apt)).rejects.toMatchObject({ code: 'environment', message: expect.stringContaining('--packages') as string });
  });

  it('may be missing, and the message says what to do', async () => {
    const apt = await etcApt({});
    await expect(renderDebianSources('trixie', join(apt, 'none'))).rejects.toMatchObject({ code: 'environment' });
  });
});
