/**
 * Checks that are no plain condition in front of a refusal: source file → [what stands there once, what stands there
 * instead]. A snippet that no longer exists fails the test.
 */
export const replacements: Readonly<Record<string, readonly (readonly [snippet: string, replacement: string])[]>> = {
  'src/bytes/byte-reader.ts': [['if (await this.atEnd()) {\n      throw', 'if (await this.atEnd()) {\n      if (max > 0) return new Uint8Array(max);\n      throw']],
  'src/bytes/zstd-frames.ts': [
    ['    await checkSeekTable(input, frames);\n', '    await input.take(renderSeekTable(frames).length - 4);\n'],
    ['if (found > max) throw', 'if (false) throw'],
    ["within(this.#frames.length + 1, limits.framesMax, 'frames');", ''],
    ["within(this.#totalBytes, limits.totalBytesMax, 'bytes when decompressed');", ''],
    ["within(Math.ceil(this.#totalBytes / input.position), limits.ratioMax, 'times its size when decompressed');", ''],
    ["within(windowBytes, 2 ** limits.windowLogMax, 'bytes of zstd window');", ''],
    ["within(contentBytes, limits.frameBytesMax, 'bytes in one frame');", ''],
  ],
  'src/bytes/tar-entries.ts': [
    ["const differs = block.findIndex((byte, index) => byte !== expected[index]);", 'const differs = -1;'],
    ['    await readEnd(input);\n', ''],
    ['    checkOrder(header, previous, count, start);\n', ''],
  ],
  'src/kit/verify/kit-manifest.ts': [
    ['...orderProblems(files), ', ''],
    ['...nameProblems(files), ', ''],
    ['...roleProblems(files)', ''],
    ['if (Buffer.compare(Buffer.from(canonicalJson(value)), bytes) === 0) return value;', 'return value;'],
    ["for (const key of members.keys()) yield", 'for (const key of [] as string[]) yield'],
  ],
  'src/kit/verify/manifest-signature.ts': [
    ["await flattenedVerify({", 'if (false) await flattenedVerify({'],
  ],
  'src/kit/verify/file-signature.ts': [['if (text.length <= kitLimits.signatureBytesMax) return text;', 'if (true) return text;']],
  'src/kit/verify/contents.ts': [
    ["    reportMissing(files.slice(due, position), tally);\n", ''],
    ["  reportMissing(files.slice(due), tally);\n  return", '  return'],
  ],
  'src/kit/verify/oci-layout.ts': [
    ['  walk.reportExtra();\n', ''],
    ["typeof type === 'string' && mediaType.test(type)", 'true'],
    ["typeof digest === 'string' && digestForm.test(digest)", "typeof digest === 'string'"],
    ['Number.isSafeInteger(size)', "typeof size === 'number'"],
    ['(size as number) >= 0', 'true'],
    ['(platform === undefined || isPlatform(platform))', 'true'],
    ["if (found === platformName(platform)) return true;", 'return true;'],
  ],
};

/**
 * Conditions in front of a refusal that no case of the matrix can tell from their absence, each with the reason: another
 * check gives the same code, or it is none of the kit's matter. Source file → condition → reason.
 */
export const redundant: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/bytes/zstd-frames.ts': {
    'content.length !== contentBytes': 'zstd itself refuses a frame whose content is not of the size that it says',
  },
  'src/kit/verify/file-signature.ts': {
    'der.length === 0': 'a signature of nothing is no signature of the file either',
  },
  'src/kit/verify/image-references.ts': {
    'digest === undefined': 'a reference without a digest is to no image of the kit either; this one says it better',
  },
  'src/kit/verify/kit-manifest.ts': {
    'Array.isArray(value)': 'a list has no members of these names',
    'index >= due.length && kitHead.includes(path)': 'a file of the head for a second time has the name of the first',
  },
  'src/kit/verify/manifest-signature.ts': {
    '!/^[A-Za-z0-9_-]{86}$/.test(signature)': 'jose takes no other form either',
    "Buffer.from(signature, 'base64url').toString('base64url') !== signature": 'stands behind the form of 86 characters',
    '!(cause instanceof JOSEError)': 'for errors that say nothing of the kit',
  },
  'src/kit/verify/attested.ts': { 'signatures.length !== 1': 'sigstore takes no bundle with more signatures, or none' },
  'src/kit/verify/revocations.ts': { '!(cause instanceof ZastavaError)': 'for errors that say nothing of the kit' },
  'src/kit/verify/signing-keys.ts': { '!(cause instanceof ZastavaError)': 'for errors that say nothing of the kit' },
  'src/kit/verify/release-log.ts': {
    '!proof?.checkpoint': 'sigstore takes no bundle of this version without one',
    '![logIndex, integratedTime].every((number) => numberPattern.test(number))': 'the log has signed both, and it signs numbers',
  },
  'src/kit/certificates/certificate.ts': {
    "typeof value !== 'object'": 'pkijs gives an object or nothing, and nothing has no parsingError to look for',
    'value === null': 'pkijs gives an object or nothing',
  },
  'src/kit/log/checkpoint.ts': { "body === ''": 'a note of another form has no signature either' },
  'src/kit/verify/report.ts': { '!isVerdict(error)': 'for errors that say nothing of the kit' },
  'src/kit/verify/verify-kit.ts': {
    '!isVerdict(error)': 'for errors that say nothing of the kit',
    'log.ok': 'for a verdict that no check has noted: there is none',
  },
};
