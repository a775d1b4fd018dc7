import { expect, it } from 'vitest';
import { readDebianLicenses } from '../../src/images/debian-licenses.ts';
import type { LayerEntry } from '../../src/images/layer.ts';

function copyright(name: string, text: string): LayerEntry {
  return { type: 'file', path: `usr/share/doc/${name}/copyright`, mode: 0o644, content: Buffer.from(text) };
}

it('a machine-readable copyright file gives its short names, each once and sorted', () => {
  const text = 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: MPL-2.0\n\nFiles: debian/*\nLicense: GPL-2+ \n On Debian the text is in /usr/share/common-licenses/GPL-2.\n\nLicense: MPL-2.0\n Text.\n';
  expect(readDebianLicenses([copyright('a', text)])).toEqual({ a: ['GPL-2+', 'MPL-2.0'] });
});

it('any other copyright file gives the common licences that it refers to', () => {
  const text = 'This is under the License: as follows.\nSee /usr/share/common-licenses/LGPL-2.1. And `/usr/share/common-licenses/GPL-3\', /usr/share/common-licenses/GPL-3.\n';
  expect(readDebianLicenses([copyright('b', text)])).toEqual({ b: ['GPL-3', 'LGPL-2.1'] });
});

it('a package whose folder of documents is a link has the licences of the other; one without a file has none', () => {
  const entries: LayerEntry[] = [
    { type: 'symlink', path: 'usr/share/doc/libgcc-s1', target: 'gcc-14-base' },
    { type: 'symlink', path: 'usr/share/doc/stray', target: 'nowhere' },
    { type: 'symlink', path: 'usr/lib/gcc', target: 'gcc-14-base' },
    copyright('gcc-14-base', '/usr/share/common-licenses/GPL-3'),
    { type: 'file', path: 'usr/share/doc/c/readme', mode: 0o644, content: Buffer.from('/usr/share/common-licenses/GPL') },
  ];
  expect(readDebianLicenses(entries)).toEqual({ 'gcc-14-base': ['GPL-3'], 'libgcc-s1': ['GPL-3'] });
});
