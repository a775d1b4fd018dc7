/**
 * offline-manifest.json, read strictly: canonical JSON of exactly the contract's shape, paths that a kit may hold, in
 * the archive's order. Everything that verify believes about a kit comes from here, once the signature has been checked.
 */
import { canonicalJson } from '../../bytes/canonical-json.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { kitHead, kitLayouts, kitLimits, kitMediaTypes, kitPaths, kitRoles, type KitFileRecord, type KitManifest } from '../../contract/kit-format.ts';
import { isKitPath } from '../../contract/kit-path.ts';

/** What a value must be; gives the reason when it is not. */
type Rule = { readonly expected: string; readonly holds: (value: unknown) => boolean };
type Shape = { readonly [key: string]: Rule | Shape };

const text = (pattern: RegExp, expected: string): Rule => ({ expected, holds: (value) => typeof value === 'string' && pattern.test(value) });
const oneOf = (values: readonly unknown[]): Rule => ({ expected: values.join(' or '), holds: (value) => values.includes(value) });
const wholeNumber = (min: number, max: number): Rule => ({
  expected: `a whole number from ${min} to ${max}`,
  holds: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
});

const fileShape: Shape = {
  path: { expected: 'a path that a kit may hold', holds: (value) => typeof value === 'string' && isKitPath(value) },
  size: wholeNumber(0, kitLimits.entryBytesMax),
  sha256: text(/^[0-9a-f]{64}$/, '64 lowercase hex digits'),
  mediaType: text(/^[a-z]+\/[A-Za-z0-9.+_-]+$/, 'a media type'),
  role: oneOf(kitRoles),
};

const manifestShape: Shape = {
  mediaType: oneOf([kitMediaTypes.manifest]),
  name: text(/^[a-z0-9]+([._-][a-z0-9]+)*$/, 'a name of lowercase letters, digits, ".", "_", "-"'),
  version: text(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, 'a version'),
  signedAt: text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a time such as 2026-01-02T03:04:05Z'),
  signer: { kind: oneOf(['development', 'release']), keyId: text(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 lowercase hex digits') },
  compression: { encoder: text(/^.+$/, 'text'), level: wholeNumber(-7, 22), frameBytesMax: wholeNumber(1, kitLimits.frameBytesMax) },
  files: { expected: `a list of at most ${kitLimits.entriesMax} files`, holds: (value) => Array.isArray(value) && value.length <= kitLimits.entriesMax },
};

/** All problems at once, as `kit.manifest-invalid`. */
export function parseKitManifest(bytes: Uint8Array): KitManifest {
  const value = parseCanonical(bytes);
  const problems = [...shapeProblems(value, manifestShape, '')];
  if (problems.length > 0) throw invalid(problems);
  const { files } = value as KitManifest;
  files.forEach((file, index) => problems.push(...shapeProblems(file, fileShape, `files[${index}]`)));
  if (problems.length > 0) throw invalid(problems);
  problems.push(...orderProblems(files), ...nameProblems(files), ...roleProblems(files));
  if (problems.length > 0) throw invalid(problems);
  return value as KitManifest;
}

function parseCanonical(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (Buffer.compare(Buffer.from(canonicalJson(value)), bytes) === 0) return value;
  } catch (cause) {
    throw invalid([{ where: kitPaths.manifest, expected: 'JSON', found: cause instanceof Error ? cause.message : String(cause) }], cause);
  }
  throw invalid([{ where: kitPaths.manifest, expected: 'canonical JSON (RFC 8785)', found: 'JSON in another form' }]);
}

function* shapeProblems(value: unknown, shape: Shape, where: string): Generator<Problem> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    yield { where: where || kitPaths.manifest, expected: 'an object', found: show(value) };
    return;
  }
  const members = new Map<string, unknown>(Object.entries(value));
  for (const [key, rule] of Object.entries(shape)) {
    const path = where === '' ? key : `${where}.${key}`;
    const member = members.get(key);
    members.delete(key);
    if (!isRule(rule)) yield* shapeProblems(member, rule, path);
    else if (!rule.holds(member)) yield { where: path, expected: rule.expected, found: show(member) };
  }
  for (const key of members.keys()) yield { where: where === '' ? key : `${where}.${key}`, expected: 'no such member', found: 'one' };
}

function isRule(rule: Rule | Shape): rule is Rule {
  return typeof rule['holds'] === 'function';
}

function* orderProblems(files: readonly KitFileRecord[]): Generator<Problem> {
  const due = kitHead.slice(2);
  for (const [index, { path }] of files.entries()) {
    const before = files[index - 1]?.path;
    if (index < due.length && path !== due[index]) yield { where: `files[${index}].path`, expected: due[index]!, found: path };
    if (index >= due.length && kitHead.includes(path)) yield { where: `files[${index}].path`, expected: 'a file once', found: path };
    if (index > due.length && path <= before!) yield { where: `files[${index}].path`, expected: `a path after ${before}`, found: path };
  }
  if (files.length < due.length) yield { where: 'files', expected: due.join(' and '), found: `${files.length} files` };
}

/** Names that a file system could take for one another, or for a folder. */
function* nameProblems(files: readonly KitFileRecord[]): Generator<Problem> {
  const seen = new Map<string, string>(kitHead.slice(0, 2).map((path) => [path, path]));
  for (const { path } of files) {
    const twin = seen.get(path.toLowerCase());
    if (twin !== undefined) yield { where: path, expected: 'a name of its own', found: `the name of ${twin}, but for case` };
    seen.set(path.toLowerCase(), path);
  }
  for (const { path } of files) {
    const folders = path.split('/').slice(0, -1).map((_, index, parts) => parts.slice(0, index + 1).join('/').toLowerCase());
    const clash = folders.map((folder) => seen.get(folder)).find((file) => file !== undefined);
    if (clash !== undefined) yield { where: path, expected: 'a file in a folder', found: `${clash} is a file` };
  }
}

/** The files of the layouts, and only they, have the role `oci`; a blob's name is its digest. */
function* roleProblems(files: readonly KitFileRecord[]): Generator<Problem> {
  for (const { path, role, sha256 } of files) {
    const folder = kitLayouts.find((name) => path.startsWith(name)) ?? '';
    const blob = folder + kitPaths.blobs + sha256;
    const isBlob = path.startsWith(folder + kitPaths.blobs);
    const isLayout = isBlob || [kitPaths.ociLayout, kitPaths.ociIndex].some((name) => path === folder + name);
    if ((role === 'oci') !== isLayout) yield { where: path, expected: 'the role of its path', found: role };
    if (isBlob && path !== blob) yield { where: path, expected: `the name ${blob}`, found: path };
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100);
}

function invalid(problems: readonly Problem[], cause?: unknown): ZastavaError {
  return new ZastavaError('kit.manifest-invalid', `${kitPaths.manifest} has ${problems.length} problem${problems.length === 1 ? '' : 's'}.`, { problems, cause });
}
