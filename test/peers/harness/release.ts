/** The arguments of node that make a release in a copy of the checkout; the same ones give the same bytes. */
interface Release {
  readonly key: string;
  readonly logKey: string;
  readonly out: string;
  readonly signingTime: string;
}

export function releaseArguments({ key, logKey, out, signingTime }: Release): string[] {
  return ['src/cli/zastava/main.ts', 'kit', 'release', '--quiet', '--key', key, '--log-key', logKey, '--signing-time', signingTime, '--commit', '0'.repeat(40), '--out', out];
}
