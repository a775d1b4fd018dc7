/**
 * What verify found, check by check. Problems are gathered here; a check that cannot go on throws, and that ends the
 * pass, since nothing after it can be trusted.
 */
import { ZastavaError, type ErrorCode, type Problem } from '../../contract/errors.ts';
import type { KitManifest } from '../../contract/kit-format.ts';

/** The checks in their order: what each counts, and what it shows when it holds. */
export const verifyChecks = {
  'signatures present': { unit: 'signatures', meaning: 'A signature or a bundle lies beside the kit.', needsKey: true },
  'certificate': { unit: 'certificates', meaning: 'The certificate is of the identity that was asked for, and leads to the trusted root that was given.', needsKey: true },
  'revocations': { unit: 'keys', meaning: 'The revocation list is signed by a key that is trusted.', needsKey: true },
  'head': { unit: 'files', meaning: 'The archive begins with the manifest and its signature.', needsKey: false },
  'manifest signature': { unit: 'signatures', meaning: 'The manifest is signed by the key that was given.', needsKey: true },
  'manifest': { unit: 'records', meaning: 'The manifest has the shape it must have, and a signer that may be trusted.', needsKey: false },
  'files': { unit: 'files', meaning: 'Every file of the manifest is there, byte for byte, and no other.', needsKey: false },
  'OCI layout': { unit: 'blobs', meaning: 'Every descriptor leads to its blob, and every blob is reached.', needsKey: false },
  'images': { unit: 'references', meaning: 'Every image that the manifests name is there for every platform.', needsKey: false },
  'artifacts': { unit: 'artifacts', meaning: 'Every artifact of manifests has the files of the kit, and every chart names images that are in it.', needsKey: false },
  'attestations': { unit: 'attestations', meaning: 'Every image and artifact has its signatures and provenance, every image its bill of materials, by the key that was given.', needsKey: true },
  'metrics': { unit: 'rules', meaning: 'Every metric that the rules use is in the catalogue.', needsKey: false },
  'kit signature': { unit: 'signatures', meaning: 'Every signature beside the kit is of this file, by the key that was given.', needsKey: true },
  'release log': { unit: 'entries', meaning: 'Every bundle is in the release log that the trusted root names.', needsKey: true },
  'log state': { unit: 'heads', meaning: 'The release log extends the one that was seen here before, and the kit is not older.', needsKey: true },
} as const;

export type VerifyCheckName = keyof typeof verifyChecks;

export interface Finding extends Problem {
  readonly code: ErrorCode;
}

export interface VerifyCheck {
  readonly name: VerifyCheckName;
  /** How many of `unit` hold. */
  readonly count: number;
  readonly unit: string;
  /** Bytes that were looked at; 0 where that says nothing. */
  readonly bytes: number;
  readonly ok: boolean;
  readonly problems: readonly Finding[];
}

export interface VerifyReport {
  /** All checks ran, but for those in `notChecked` that the caller gave no ground for, and none has a problem. */
  readonly ok: boolean;
  /** The first problem's code, in the order of the checks. */
  readonly code: ErrorCode | null;
  /** `key`: checked against the keys given. `certificate`: against a trusted root and an identity. `none`: integrity only, anybody could have made this kit. */
  readonly trust: 'key' | 'certificate' | 'none';
  /** From the manifest; null when it is not to be believed (with a key: before its signature holds). */
  readonly kit: Pick<KitManifest, 'name' | 'version' | 'signedAt'> | null;
  readonly signer: KitManifest['signer'] | null;
  /** Of the file; null when it was not read to its end. */
  readonly sha256: string | null;
  /** Bytes of the file that were read. */
  readonly bytes: number;
  /** Files that are as the manifest says. */
  readonly entries: number;
  readonly checks: readonly VerifyCheck[];
  /** Checks that were left out, each with the reason: to be shown as loudly as the result. */
  readonly notChecked: readonly { readonly name: VerifyCheckName; readonly meaning: string; readonly reason: string }[];
}

const reasons = { noKey: 'no key was given', noGround: 'what it builds on does not hold' } as const;

/** The tally of one check while it runs. */
export class Tally {
  count = 0;
  bytes = 0;
  readonly problems: Finding[] = [];

  /** One more that holds. */
  add(bytes = 0): void {
    this.count++;
    this.bytes += bytes;
  }

  report(code: ErrorCode, problem: Problem): void {
    this.problems.push({ code, ...problem });
  }

  /** Notes the problems of one thing that was refused, and goes on with the next. */
  guard<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.reportAll(error);
      return undefined;
    }
  }

  /** The problems of an error that says something about the kit; every other one is thrown on. */
  reportAll(error: unknown): void {
    if (!isVerdict(error)) throw error;
    for (const problem of error.problems) this.report(error.code, problem);
  }
}

export class VerifyLog {
  readonly #checks: VerifyCheck[] = [];
  readonly #trust: VerifyReport['trust'];
  readonly #unasked: readonly VerifyCheckName[];
  readonly #leftOut = new Map<VerifyCheckName, string>();
  #manifest: KitManifest | undefined;

  /** `unasked`: checks that the caller did not ask for, and that are no gap. */
  constructor(trust: VerifyReport['trust'], unasked: readonly VerifyCheckName[] = []) {
    this.#trust = trust;
    this.#unasked = unasked;
  }

  get ok(): boolean {
    return this.#checks.every(({ ok }) => ok);
  }

  /** A check that cannot be made, and that is no problem of the kit; the report says why. */
  leaveOut(name: VerifyCheckName, reason: string): void {
    this.#leftOut.set(name, reason);
  }

  /** Runs one check and notes its outcome. A verdict that is thrown is noted and thrown on. */
  async check<T>(name: VerifyCheckName, run: (tally: Tally) => T | Promise<T>): Promise<T> {
    const tally = new Tally();
    try {
      return await run(tally);
    } catch (error) {
      // What ended the check stands before what it had gathered: that was measured against an order which does not hold.
      const gathered = tally.problems.splice(0);
      tally.reportAll(error);
      tally.problems.push(...gathered);
      throw error;
    } finally {
      const { count, bytes, problems } = tally;
      this.#checks.push({ name, count, unit: verifyChecks[name].unit, bytes, ok: problems.length === 0, problems });
    }
  }

  /** From now on the report says what this manifest says. */
  believe(manifest: KitManifest): void {
    this.#manifest = manifest;
  }

  report(sha256: string | null, bytes: number): VerifyReport {
    const checks = this.#checks;
    const notChecked = this.#notChecked();
    const { name, version, signedAt, signer = null } = this.#manifest ?? {};
    return {
      ok: this.ok && notChecked.every(({ name, reason }) => reason === reasons.noKey || this.#leftOut.has(name)),
      code: checks.flatMap(({ problems }) => problems)[0]?.code ?? null,
      trust: this.#trust,
      kit: name === undefined || version === undefined || signedAt === undefined ? null : { name, version, signedAt },
      signer,
      sha256,
      bytes,
      entries: checks.find((check) => check.name === 'files')?.count ?? 0,
      checks,
      notChecked,
    };
  }

  #notChecked(): VerifyReport['notChecked'] {
    const done = new Set([...this.#unasked, ...this.#checks.map(({ name }) => name)]);
    return (Object.keys(verifyChecks) as VerifyCheckName[])
      .filter((name) => !done.has(name))
      .map((name) => {
        const { meaning, needsKey } = verifyChecks[name];
        const reason = needsKey && this.#trust === 'none' ? reasons.noKey : (this.#leftOut.get(name) ?? reasons.noGround);
        return { name, meaning, reason };
      });
  }
}

/** True for an error that says something about the kit, rather than about the caller or the machine. */
export function isVerdict(error: unknown): error is ZastavaError {
  return error instanceof ZastavaError && error.exitCode === 1;
}
