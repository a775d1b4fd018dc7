/** Verifies a kit file with a bar, and shows the report: one row a check, then every problem, then what was not checked. */
import { errorCodes } from '../../contract/errors.ts';
import { openKit, type SignaturePaths } from '../../kit/open-kit.ts';
import { verifyKit, type VerifyOptions } from '../../kit/verify/verify-kit.ts';
import type { VerifyReport } from '../../kit/verify/report.ts';
import { formatBytes, renderProblem, renderTable, say, startProgress, styled, warn, type OutputOptions } from '../terminal/terminal.ts';

export type KitTrust = Omit<VerifyOptions, 'signatures' | 'onProgress'>;

export async function checkKit(path: string, trust: KitTrust, output: OutputOptions, signatures: SignaturePaths = {}): Promise<VerifyReport> {
  const kit = await openKit(path, signatures);
  const progress = startProgress(output, 'verifying the kit');
  const total = kit.bytes;
  try {
    return await verifyKit(kit.stream(), {
      ...trust,
      signatures: kit.signatures,
      fileBytes: total,
      onProgress: total === null ? undefined : (bytes) => progress.update(bytes, total),
    });
  } finally {
    progress.stop();
  }
}

/** Shows a report to a person. A report that is not ok decides the process's exit code. */
export function sayReport(output: OutputOptions, report: VerifyReport): void {
  const { kit, signer } = report;
  if (kit && signer) say(output, `${styled('bold', `${kit.name} ${kit.version}`)}, signed ${kit.signedAt} by ${signer.kind} key ${signer.keyId}`);
  say(output, ...renderTable([['check', 'looked at', 'bytes', 'ok'], ...report.checks.map(({ name, count, unit, bytes, ok }) => [name, `${count} ${unit}`.trim(), bytes === 0 ? '' : formatBytes(bytes), ok ? 'yes' : 'NO'])]).map((line) => `  ${line}`));
  if (!report.ok) {
    const code = report.code ?? 'internal';
    process.exitCode = errorCodes[code].exit;
    process.stderr.write(`${styled('red', `error[${code}]`, process.stderr)}: ${errorCodes[code].meaning} Do not use this kit.\n`);
    for (const { problems } of report.checks) for (const problem of problems) process.stderr.write(`${renderProblem(problem)} [${problem.code}]\n`);
  }
  if (signer?.kind === 'development') warn('DEVELOPMENT KEY: this kit is signed by a key that was made on a build machine, for trying out. No site should trust it; sign releases with --key.');
  for (const { name, meaning, reason } of report.notChecked) warn(`NOT CHECKED: ${name} (${reason}). ${meaning}`);
  const verdict = report.trust === 'none' ? 'whole, by whomever it was made' : 'verified';
  if (report.ok) say(output, `${styled('green', verdict)}: sha256:${report.sha256}, ${formatBytes(report.bytes)}, ${report.entries} files`);
}
