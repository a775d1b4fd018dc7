/** What the kit brings: images, objects, alerts, packages, files. Only of a kit that holds. */
import { html, renderTable, type Html } from './html.ts';
import type { InspectedAlert, InspectedContents, InspectedObject, Inspection } from './inspection.ts';
import type { Section } from './section.ts';
import { counted, formatBytes, group } from './verification-sections.ts';

export function renderContents({ contents }: Inspection): Section[] {
  if (contents === null) return [{ id: 'contents', title: 'What the kit brings', body: html`<p>Not shown: the kit does not hold, so what it says it brings is nobody’s word.</p>\n` }];
  return [renderImages(contents), renderObjects(contents), renderAlerts(contents), renderPackages(contents), renderFiles(contents)];
}

function renderImages({ images }: InspectedContents): Section {
  const body = images.map(({ repository, digest, references, platforms }) => html`<h3>${repository}</h3>
<dl><dt>Image index</dt><dd><code>${digest}</code></dd>
<dt>Known as</dt><dd>${references.map((name, index) => html`${index > 0 && html`<br>`}<code>${name}</code>`)}</dd></dl>
${renderTable<(typeof platforms)[number]>(`Platforms of ${repository}`, [
    { title: 'Platform', cell: ({ platform }) => platform },
    { title: 'Manifest', cell: (child) => html`<code>${child.digest}</code>` },
    { title: 'Runs as', cell: ({ config }) => userOf(config['User']) },
  ], platforms)}`);
  return { id: 'images', title: 'Images', body: html`${body}${body.length === 0 && html`<p>None.</p>\n`}` };
}

function userOf(user: unknown): string {
  if (typeof user !== 'string' || ['', '0', 'root'].includes(user.split(':')[0]!)) return 'root';
  return `user ${user}`;
}

function renderObjects({ objects }: InspectedContents): Section {
  const table = renderTable<InspectedObject>(`${counted(objects.length, 'object')}, as the kit’s own manifests have them`, [
    { title: 'Kind', cell: ({ kind }) => kind },
    { title: 'Name', cell: ({ namespace, name }) => `${namespace === null ? '' : `${namespace}/`}${name}` },
    { title: 'Called out', cell: ({ grants, privileges }) => [...(grants ? ['permissions'] : []), ...privileges].map((text, index) => html`${index > 0 && ', '}${text}`) },
  ], objects);
  return { id: 'objects', title: 'Objects in the cluster', body: table };
}

function renderAlerts({ alerts }: InspectedContents): Section {
  const table = renderTable<InspectedAlert>(counted(alerts.length, 'alert'), [
    { title: 'Alert', cell: ({ name, summary }) => html`${name}${summary !== '' && html`<br><span class="soft">${summary}</span>`}` },
    { title: 'Severity', cell: ({ severity }) => severity },
    { title: 'Fires when', cell: ({ expr }) => html`<code>${expr}</code>`, kind: 'code' },
    { title: 'For', cell: ({ lasting }) => (lasting === '' ? 'at once' : lasting), kind: 'number' },
  ], alerts);
  return { id: 'alerts', title: 'Alerts', body: table };
}

const ecosystems: Readonly<Record<string, string>> = { deb: 'Debian package', npm: 'npm package' };

function renderPackages({ packages, images }: InspectedContents): Section {
  if (packages === null) return { id: 'packages', title: 'Packages', body: html`<p>The kit has no list of the packages in its images (SBOM).</p>\n` };
  const places = images.reduce((sum, { platforms }) => sum + platforms.length, 0);
  const kinds = [...new Set(packages.map(({ ecosystem }) => ecosystem))];
  const tables = kinds.map((kind): Html => {
    const own = packages.filter(({ ecosystem }) => ecosystem === kind);
    return renderTable<(typeof own)[number]>(ecosystems[kind] === undefined ? `${counted(own.length, 'package')} of type ${kind}` : counted(own.length, ecosystems[kind]), [
      { title: 'Package', cell: ({ name }) => name },
      { title: 'Version', cell: ({ version }) => version },
      { title: 'Licence', cell: ({ licences }) => licences },
      { title: 'In', cell: ({ within }) => (within.length === places ? 'every image' : within.join(', ')) },
    ], own);
  });
  return { id: 'packages', title: 'Packages', body: html`<p class="soft">From the bills of materials that the signer made for each image and platform.</p>\n${tables}` };
}

function renderFiles({ files }: InspectedContents): Section {
  const table = renderTable<(typeof files)[number]>('Files in the kit, by what they are for', [
    { title: 'Role', cell: ({ role }) => role },
    { title: 'Files', cell: ({ count }) => group(count), kind: 'number' },
    { title: 'Size', cell: ({ bytes }) => formatBytes(bytes), kind: 'number' },
  ], files);
  return { id: 'files', title: 'Files', body: table };
}
