/**
 * The one error class of both planes and its closed list of codes. Match on `code`, never on text.
 * A message says what, where, expected, found, and what to do. A code that was retired is never reused.
 */

/** Exit codes of every command: 0 ok, 1 a check failed, 2 bad input or usage, 3 the environment (contract section 11). */
export type ExitCode = 0 | 1 | 2 | 3;

/** Code → the exit code it leads to, and its meaning as the runbook's Appendix A prints it. */
export const errorCodes = {
  // usage and environment
  'usage': { exit: 2, meaning: 'The command line is not understood.' },
  'environment': { exit: 3, meaning: 'A file, the network or a tool that the command needs is not there.' },
  'internal': { exit: 3, meaning: 'A mistake of ours; please report it.' },
  // values
  'values.invalid': { exit: 2, meaning: 'The values file has problems; all are listed.' },
  // the running programs
  'admission.review-invalid': { exit: 2, meaning: 'A request to the webhook is not an AdmissionReview of a Pod that it can judge.' },
  'authority.unavailable': { exit: 3, meaning: 'Authority cannot be reached, or it fails.' },
  'authority.throttled': { exit: 3, meaning: 'Authority asks for fewer requests.' },
  'authority.rejected': { exit: 3, meaning: 'Authority refuses to give a token.' },
  'authority.token-invalid': { exit: 3, meaning: 'Authority gave a token that is not what was asked for.' },
  'authority.key-invalid': { exit: 2, meaning: 'A key, certificate or token that is mounted for Authority cannot be used.' },
  'scanner.unavailable': { exit: 3, meaning: 'Scanner cannot be reached, or it fails.' },
  'scanner.timeout': { exit: 3, meaning: 'Scanner did not answer in the time that was left.' },
  'scanner.rejected': { exit: 3, meaning: 'Scanner refuses a request.' },
  'scanner.throttled': { exit: 3, meaning: 'Scanner asks for fewer requests.' },
  'scanner.answer-invalid': { exit: 3, meaning: 'Scanner answered something that is not an answer of its contract.' },
  'buffer.unusable': { exit: 3, meaning: 'The buffer on disk cannot be used: another process has it, it is damaged, or it is something else.' },
  'cluster.unavailable': { exit: 3, meaning: 'The API server cannot be asked.' },
  'cluster.refused': { exit: 1, meaning: 'The API server or the signer refuses what the webhook asked for.' },
  'registry.unlisted': { exit: 1, meaning: 'A registry, or an address that it points to, is not one of zastava.webhook.registries; it was not contacted.' },
  'registry.unavailable': { exit: 3, meaning: 'A registry cannot be reached, or it fails or throttles.' },
  'registry.timeout': { exit: 3, meaning: 'A registry did not answer in the time that was left.' },
  'registry.rejected': { exit: 1, meaning: 'A registry refuses the request: no such tag, or not with the credentials that are mounted.' },
  'registry.answer-invalid': { exit: 1, meaning: 'A registry answered something that is not a digest of an image, or not the bytes of that digest.' },
  'registry.credentials-invalid': { exit: 2, meaning: 'The docker config or CA for the registries cannot be read.' },
  'registry.credentials-withheld': { exit: 1, meaning: 'A registry wants credentials to be sent to another host, or in the clear; they were not sent.' },
  // images
  'images.package-gone': { exit: 3, meaning: 'A locked Debian package is no longer served; run relock.' },
  'images.digest-differs': { exit: 1, meaning: 'A downloaded file is not the one that the lock names.' },
  'images.lock-invalid': { exit: 2, meaning: 'images.lock.json does not name the digests of both images.' },
  'images.base-lock-invalid': { exit: 2, meaning: 'base.lock.json is not a lock of the base layer; all problems are listed.' },
  // the kit as it is built
  'kit.recipe-invalid': { exit: 2, meaning: 'The recipe kit.yaml has problems; all are listed.' },
  'kit.key-invalid': { exit: 2, meaning: 'The signing key cannot be used: not P-256, not PEM, or wrong passphrase.' },
  // the kit as it is read
  'kit.trust-missing': { exit: 2, meaning: 'No public key was given to verify against.' },
  'kit.development-key': { exit: 1, meaning: 'The kit is signed by a development key and that was not allowed.' },
  'kit.signature-missing': { exit: 1, meaning: 'Neither a bundle nor a signature lies beside the kit.' },
  'kit.signature-invalid': { exit: 1, meaning: 'The signature beside the kit does not belong to this kit and key.' },
  'kit.signatures-pending': { exit: 1, meaning: 'Signatures by a key that is elsewhere are still to be made; see kit sign.' },
  'kit.signatures-too-few': { exit: 1, meaning: 'Fewer keys signed this kit than were asked for.' },
  'kit.key-revoked': { exit: 1, meaning: 'The kit is signed by a key that the revocation list names.' },
  'kit.revocations-invalid': { exit: 1, meaning: 'The revocation list cannot be read, or no key that is trusted signed it.' },
  'kit.certificate-missing': { exit: 1, meaning: 'An identity was asked for, and no certificate lies beside the kit.' },
  'kit.certificate-invalid': { exit: 1, meaning: 'A certificate cannot be read, is not for signing kits, or does not lead to the trusted root.' },
  'kit.certificate-expired': { exit: 1, meaning: 'A certificate of the chain is not valid at the time that counts.' },
  'kit.identity-differs': { exit: 1, meaning: 'The certificate is of another identity than the one asked for.' },
  'kit.manifest-signature-invalid': { exit: 1, meaning: 'The JWS of the manifest does not belong to this manifest and key.' },
  'kit.manifest-invalid': { exit: 1, meaning: 'offline-manifest.json does not have the shape it must have.' },
  'kit.archive-invalid': { exit: 1, meaning: 'The archive breaks the rules of a kit: order, names, types, padding.' },
  'kit.compression-invalid': { exit: 1, meaning: 'The zstd stream is damaged or breaks the rules of a kit.' },
  'kit.seek-table-invalid': { exit: 1, meaning: 'The seek table does not describe the frames before it.' },
  'kit.trailing-bytes': { exit: 1, meaning: 'Bytes follow after the end of the kit, or of the archive in it.' },
  'kit.truncated': { exit: 1, meaning: 'The kit ends before its end.' },
  'kit.limit-exceeded': { exit: 1, meaning: 'The kit is larger in some way than a kit may be.' },
  'kit.entry-missing': { exit: 1, meaning: 'A file that the manifest names is not in the kit.' },
  'kit.entry-extra': { exit: 1, meaning: 'A file is in the kit that the manifest does not name.' },
  'kit.entry-size': { exit: 1, meaning: 'A file has another size than the manifest says.' },
  'kit.entry-digest': { exit: 1, meaning: 'A file has other bytes than the manifest says.' },
  'kit.closure-missing': { exit: 1, meaning: 'A blob that an OCI descriptor points to is not in the kit, or differs from it.' },
  'kit.closure-extra': { exit: 1, meaning: 'A blob is in the kit that no OCI descriptor points to.' },
  'kit.oci-invalid': { exit: 1, meaning: 'An OCI index or manifest does not have the shape it must have.' },
  'kit.artifact-invalid': { exit: 1, meaning: 'An artifact in the kit does not hold what it should: the kit\'s own manifests, or a chart.' },
  'kit.image-missing': { exit: 1, meaning: 'An image that a manifest names is not in the kit for every platform.' },
  'kit.attestation-missing': { exit: 1, meaning: 'An image has no signature, bill of materials or provenance.' },
  'kit.attestation-invalid': { exit: 1, meaning: 'A signature, bill of materials or provenance does not belong to its image and the key.' },
  'kit.trusted-root-invalid': { exit: 2, meaning: 'The trusted root cannot be read.' },
  'kit.log-missing': { exit: 1, meaning: 'A bundle has no entry of the release log that the trusted root names.' },
  'kit.log-invalid': { exit: 1, meaning: 'An entry, a proof or a head of the release log does not hold.' },
  'kit.log-proof-missing': { exit: 1, meaning: 'The proof that the log extends the one seen here before is not beside the kit.' },
  'kit.log-fork': { exit: 1, meaning: 'The log of this kit is not a continuation of the one seen here before: somebody shows two histories.' },
  'kit.log-rollback': { exit: 1, meaning: 'The kit is older than the newest one accepted here.' },
  'kit.log-state-invalid': { exit: 2, meaning: 'The file of what was accepted here before cannot be read.' },
  'kit.metric-unknown': { exit: 1, meaning: 'A rule uses a metric that the catalogue does not have.' },
  'kit.document-invalid': { exit: 1, meaning: 'A document that verify looks into cannot be read: YAML, JSON or PromQL.' },
  'kit.path-unknown': { exit: 2, meaning: 'The path asked for is not in the kit.' },
  // the debug store
  'debug.file-invalid': { exit: 2, meaning: 'A file of symbols has another build-id than its name says.' },
  'debug.no-build-id': { exit: 2, meaning: 'What was asked about is no ELF file, or has no GNU build-id to look for.' },
} as const satisfies Record<string, { exit: ExitCode; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;

/** One problem of an input. `where` is a path in it (values: `zastava.runtime.tenant`; kit: an entry or a byte offset). */
export interface Problem {
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  /** What to do, when that is not plain from the rest. */
  readonly todo?: string;
}

/** The error that every room throws. `problems` has all that is wrong with the input, not only the first. */
export class ZastavaError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, message: string, options: { problems?: readonly Problem[]; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ZastavaError';
    this.code = code;
    this.problems = options.problems ?? [];
  }

  get exitCode(): ExitCode {
    return errorCodes[this.code].exit;
  }
}
