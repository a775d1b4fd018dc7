/**
 * Everything that reads foreign bytes, as one shape: it takes any bytes, refuses them with an error of ours, or accepts
 * them and says what they must then be, byte for byte.
 */
import { bundleFromJSON, bundleToJSON } from '@sigstore/bundle';
import { zstdDecompressSync } from 'node:zlib';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { canonicalJson } from '../../src/bytes/canonical-json.ts';
import { sha256Hex } from '../../src/bytes/digest.ts';
import { readTarEntries } from '../../src/bytes/tar-entries.ts';
import { renderTarHeader, tarEnd, tarPadding } from '../../src/bytes/ustar.ts';
import { readZstdFrames } from '../../src/bytes/zstd-frames.ts';
import { parseValues } from '../../src/config/parse-values.ts';
import { ZastavaError } from '../../src/contract/errors.ts';
import { kitLimits, kitPaths, type KitFileRecord } from '../../src/contract/kit-format.ts';
import { ociMediaTypes, type OciIndex } from '../../src/contract/oci.ts';
import { decodePem, encodePem, parseCertificate } from '../../src/kit/certificates/certificate.ts';
import { parseAuthorities } from '../../src/kit/certificates/trusted-root.ts';
import { openCheckpoint } from '../../src/kit/log/checkpoint.ts';
import { parseTrustedLogs } from '../../src/kit/log/trusted-log.ts';
import { parsePublicKey } from '../../src/kit/public-key.ts';
import { parseRecipe } from '../../src/kit/recipe.ts';
import { parseFileSignatures } from '../../src/kit/verify/file-signature.ts';
import { parseKitManifest } from '../../src/kit/verify/kit-manifest.ts';
import { verifyManifestSignature } from '../../src/kit/verify/manifest-signature.ts';
import { verifyOciLayout } from '../../src/kit/verify/oci-layout.ts';
import { Tally } from '../../src/kit/verify/report.ts';
import { chunksOf } from '../kit/sealed-kit.ts';
import { testSigner } from '../kit/tiny-kit.ts';
import { placesOf } from '../kit/verify/zstd-places.ts';
import { observerTargets } from './observer-targets.ts';

/** What an accepted input is when it is written again; `null` where there is more than one way to write it. */
type Rendered = Uint8Array | string | null;

export interface Target {
  /** Also the folder of its corpus. */
  readonly name: string;
  readonly words: readonly string[];
  /** Each input takes milliseconds: a fifth of them. */
  readonly slow?: true;
  read(bytes: Buffer): Promise<Rendered> | Rendered;
}

const jsonWords = ['"', '{', '}', '[', ']', ',', ':', 'null', '\\u0000', '\\ud800', '1e400', '-0', '\xff', '\xef\xbb\xbf'];
const pathWords = ['../', '/', './', '\0', 'A', '\xc3\xa9', ...jsonWords];
const yamlWords = ['&a ', '*a', '- ', ': ', '\n', '---\n', '!!js/function ', '<<: ', '"', '\t', '|', '\0', '[', '{', '0x', '.inf', '~'];

/** No input may make more of itself than the contract allows, whatever it claims. */
class Budget {
  #left: number;

  constructor(inputBytes: number) {
    this.#left = inputBytes * kitLimits.ratioMax + kitLimits.frameBytesMax;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new Error('more bytes than the limits allow');
  }
}

async function readTar(bytes: Buffer): Promise<Uint8Array> {
  const budget = new Budget(bytes.length);
  const mtime = Number.parseInt(bytes.toString('latin1', 136, 147), 8);
  const blocks: Uint8Array[] = [];
  for await (const { path, size, content } of readTarEntries(new ByteReader('archive', chunksOf(bytes, 300)), kitLimits)) {
    blocks.push(renderTarHeader({ path, size, mtime }));
    for await (const piece of content) {
      budget.spend(piece.length);
      blocks.push(Buffer.from(piece));
    }
    blocks.push(Buffer.alloc(tarPadding(size)));
  }
  return Buffer.concat([...blocks, tarEnd]);
}

/** Compressed bytes can be written in many ways, so what they hold is compared with what zstd finds in each frame. */
async function readZstd(bytes: Buffer): Promise<null> {
  const budget = new Budget(bytes.length);
  const pieces: Uint8Array[] = [];
  for await (const piece of readZstdFrames(new ByteReader('kit', chunksOf(bytes, 50)), kitLimits)) {
    budget.spend(piece.length);
    pieces.push(Buffer.from(piece));
  }
  if (!Buffer.concat(framesOf(bytes).map((frame) => zstdDecompressSync(frame))).equals(Buffer.concat(pieces))) throw new Error('other content than zstd finds');
  return null;
}

/** Taken apart independently of the reader, and each alone: of several small frames at once Node reads the first. */
function framesOf(bytes: Buffer): Buffer[] {
  const places = placesOf(bytes);
  const ends = places.filter(({ what }) => what === 'checksum').map(({ to }) => to);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** A bundle that is read means one thing: as sigstore's own library writes it, it is the same bundle. */
async function readBundle(bytes: Buffer): Promise<null> {
  const [signature] = parseFileSignatures({ signature: null, bundle: bytes.toString() }, new Tally());
  const again = parseFileSignatures({ signature: null, bundle: JSON.stringify(bundleToJSON(bundleFromJSON(JSON.parse(bytes.toString())))) }, new Tally())[0];
  if (canonicalJson(bundleToJSON(signature!.bundle!)) !== canonicalJson(bundleToJSON(again!.bundle!))) throw new Error('another bundle when written again');
  const key = parsePublicKey((await testSigner()).publicKeyPem, 'of the tests');
  try {
    signature!.verify(signature!.bundle!.content.messageSignature.messageDigest.digest, [key]);
  } catch (error) {
    if (!(error instanceof ZastavaError)) throw error;
  }
  return null;
}

/** The input is index.json, beside one blob that it may point to. */
function readLayout(bytes: Buffer): null {
  const blob = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] }));
  const record = (path: string, content: Buffer, mediaType: string): KitFileRecord => ({ path, size: content.length, sha256: sha256Hex(content), mediaType, role: 'oci' });
  const documents = [
    { record: record(kitPaths.ociLayout, Buffer.from('{"imageLayoutVersion":"1.0.0"}'), 'application/json'), bytes: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { record: record(kitPaths.ociIndex, bytes, ociMediaTypes.index), bytes },
    { record: record(kitPaths.blobs + sha256Hex(blob), blob, ociMediaTypes.index), bytes: blob },
  ];
  const tally = new Tally();
  verifyOciLayout(documents.map((document) => document.record), documents, tally);
  const [problem] = tally.problems;
  if (problem) throw new ZastavaError(problem.code, problem.found);
  const { manifests } = JSON.parse(bytes.toString()) as OciIndex;
  if (!manifests.every(({ digest, size }) => digest === `sha256:${sha256Hex(blob)}` && size === blob.length)) throw new Error('a descriptor of something that is not there');
  return null;
}

/** What JSON can be read from is rendered in one way, which says the same and is rendered as itself. */
function readCanonical(bytes: Buffer): null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new ZastavaError('kit.manifest-invalid', 'no JSON', { cause });
  }
  let text: string;
  try {
    text = canonicalJson(value);
  } catch (cause) {
    if (cause instanceof ZastavaError && cause.code === 'internal' && /surrogate|NaN|Infinity/.test(cause.message)) return null;
    throw cause;
  }
  if (canonicalJson(JSON.parse(text)) !== text) throw new Error('another text for the same value');
  return null;
}

async function readCertificates(bytes: Buffer): Promise<null> {
  const ders = decodePem(bytes.toString('latin1'), 'the certificate');
  const certificates = await Promise.all(ders.map((der) => parseCertificate(der, 'the certificate')));
  // What stands between certificates is for people: only what is in them must be the same again.
  const again = await Promise.all(certificates.map(({ x509 }) => parseCertificate(decodePem(encodePem(x509.raw), 'again')[0]!, 'again')));
  if (!again.every(({ x509 }, index) => x509.raw.equals(ders[index]!))) throw new Error('another certificate when written again');
  return null;
}

async function readCheckpoint(bytes: Buffer): Promise<Rendered> {
  const key = parsePublicKey((await testSigner()).publicKeyPem, 'of the tests');
  openCheckpoint(bytes.toString(), key, 'the checkpoint');
  return null;
}

async function readJws(bytes: Buffer): Promise<Rendered> {
  const key = parsePublicKey((await testSigner()).publicKeyPem, 'of the tests');
  await verifyManifestSignature(Buffer.from('{}'), bytes, key);
  return null;
}

async function readTrustedRoot(bytes: Buffer): Promise<null> {
  parseTrustedLogs(bytes.toString());
  await parseAuthorities(bytes.toString());
  return null;
}

function nothing(read: (text: string) => unknown): (bytes: Buffer) => null {
  return (bytes) => {
    read(bytes.toString());
    return null;
  };
}

export const targets: readonly Target[] = [
  { name: 'tar-entries', words: ['../', '/', '\0', 'ustar\x0000', '0000644\0', '\x80', 'a\0', '2', 'x', ' '], read: readTar },
  { name: 'zstd-frames', words: ['\x28\xb5\x2f\xfd', '\x5e\x2a\x4d\x18', '\x50\x2a\x4d\x18', '\xb1\xea\x92\x8f', '\x00\x00\x00', '\x01\x00\x00', '\xff\xff\xff', '\x24', '\xa4', '\xe4'], read: readZstd },
  { name: 'kit-manifest', words: pathWords, read: (bytes) => canonicalJson(parseKitManifest(bytes)) },
  { name: 'bundle', words: jsonWords, read: readBundle },
  { name: 'oci-layout', words: pathWords, read: readLayout },
  { name: 'canonical-json', words: jsonWords, read: readCanonical },
  { name: 'recipe', words: yamlWords, read: nothing((text) => parseRecipe(text, 'the recipe')) },
  { name: 'values', words: yamlWords, read: nothing((text) => parseValues(text, 'the values')) },
  { name: 'certificate', words: ['-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----\n', 'MII', '=', 'AAAA', '\0'], read: readCertificates },
  { name: 'trusted-root', words: jsonWords, read: readTrustedRoot },
  { name: 'checkpoint', words: ['\n', ' - ', '\u2014 ', '0', '-1', '=', '9'.repeat(20)], read: readCheckpoint },
  { name: 'jws', words: ['.', '..', '=', '-', 'e30', '\n'], read: readJws },
  ...observerTargets,
];
