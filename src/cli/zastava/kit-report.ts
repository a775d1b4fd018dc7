/** The receiving inspection of `kit verify --report`: gathers what the page shows in verify's own pass, and writes it as asked. */
import { basename, dirname, extname } from 'node:path';
import packageJson from '../../../package.json' with { type: 'json' };
import { ZastavaError } from '../../contract/errors.ts';
import { gatherKitFacts, readKitFacts, type KitFacts } from '../../kit/facts/kit-facts.ts';
import { openKit } from '../../kit/open-kit.ts';
import { buildInspection, type Inspection } from '../../kit/report/inspection.ts';
import { renderInspectionPage } from '../../kit/report/page.ts';
import type { VerifyReport } from '../../kit/verify/report.ts';
import type { VerifyOptions } from '../../kit/verify/verify-kit.ts';
import { writeFiles } from './files.ts';

const renderers: Readonly<Record<string, (inspection: Inspection) => string>> = {
  '.html': renderInspectionPage,
  '.json': (inspection) => `${JSON.stringify(inspection, null, 2)}\n`,
};

export interface ReportOptions {
  /** Files to write, `.html` or `.json`. */
  readonly report?: readonly string[];
  /** The kit that was accepted before. */
  readonly previous?: string;
}

/** One for each run of verify: give `onContents` to it, and then its report to `write`. */
export interface InspectionReport {
  readonly onContents: NonNullable<VerifyOptions['onContents']>;
  write(kit: string, report: VerifyReport, certificateIdentity?: string): Promise<void>;
}

/** Undefined when no report was asked for. @throws ZastavaError `usage` for another kind of file, before anything is read. */
export function prepareReport({ report: files = [], previous }: ReportOptions): InspectionReport | undefined {
  const unknown = files.find((file) => renderers[extname(file)] === undefined);
  if (unknown !== undefined) throw new ZastavaError('usage', `a report is a page or data, but ${unknown} is neither: name it .html or .json`);
  if (files.length === 0 && previous !== undefined) throw new ZastavaError('usage', '--previous is compared in the report only: say where it goes (--report FILE.html), or use kit diff');
  if (files.length === 0) return undefined;
  let gather: (() => KitFacts) | undefined;
  return {
    onContents: (manifest, documents) => (gather = () => gatherKitFacts(manifest, documents)),
    async write(kit, verification, certificateIdentity) {
      const earlier = previous === undefined || !verification.ok ? null : await readKitFacts((await openKit(previous)).stream());
      const inspection = buildInspection({
        inspectedAt: `${new Date().toISOString().slice(0, 19)}Z`,
        inspectedWith: `zastava ${packageJson.version}`,
        file: kit === '-' ? 'standard input' : basename(kit),
        certificateIdentity: certificateIdentity ?? null,
        verification,
        facts: verification.ok ? (gather?.() ?? null) : null,
        previous: earlier,
      });
      for (const file of files) await writeFiles(dirname(file), new Map([[basename(file), renderers[extname(file)]!(inspection)]]));
    },
  };
}
