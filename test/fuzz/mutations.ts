/** Changes to an input of the corpus, as fast-check arbitraries: so a failure is shrunk to the least change that makes it. */
import fc from 'fast-check';

export type Mutation = (bytes: Buffer) => Buffer;

/** A place in bytes whose length is not known yet. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (bytes: Buffer, where: number): number => Math.floor(where * bytes.length);

/** Bytes at which programs begin to do something else. */
const oddBytes = [0x00, 0x01, 0x0a, 0x20, 0x22, 0x2e, 0x2f, 0x30, 0x37, 0x5c, 0x7b, 0x7f, 0x80, 0xc3, 0xfe, 0xff];

const flip = fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(([where, bit]): Mutation => (bytes) => {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[at(copy, where)]! ^= 1 << bit;
  return copy;
});

const overwrite = fc.tuple(place, fc.constantFrom(...oddBytes)).map(([where, value]): Mutation => (bytes) => {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[at(copy, where)] = value;
  return copy;
});

const cutOut = fc.tuple(place, fc.integer({ min: 1, max: 600 })).map(([where, length]): Mutation => (bytes) => Buffer.concat([bytes.subarray(0, at(bytes, where)), bytes.subarray(at(bytes, where) + length)]));

const cutOff = place.map((where): Mutation => (bytes) => bytes.subarray(0, at(bytes, where)));

/** Copies a span to another place: headers, members, frames and certificates appear twice or in another order. */
const copySpan = fc.tuple(place, place, fc.constantFrom(1, 8, 64, 512, 1024)).map(([from, to, length]): Mutation => (bytes) => {
  const span = bytes.subarray(at(bytes, from), at(bytes, from) + length);
  return Buffer.concat([bytes.subarray(0, at(bytes, to)), span, bytes.subarray(at(bytes, to))]);
});

const insert = (words: readonly string[]): fc.Arbitrary<Mutation> =>
  fc.tuple(place, fc.constantFrom(...words)).map(([where, word]): Mutation => (bytes) => Buffer.concat([bytes.subarray(0, at(bytes, where)), Buffer.from(word, 'latin1'), bytes.subarray(at(bytes, where))]));

/** Puts an odd value in the place of some value of a JSON document; other inputs stay as they are. */
const replaceValue = fc.tuple(place, fc.constantFrom<unknown>(null, true, -1, 0.5, 1e300, 2 ** 53, '', '..', 'x'.repeat(300), [], {}, [null], { '': 0 }, { __proto__: null, constructor: 1 })).map(([where, value]): Mutation => (bytes) => {
  let nodes = 0;
  try {
    const document: unknown = JSON.parse(bytes.toString());
    const count = (_: string, node: unknown): unknown => (nodes++, node);
    JSON.stringify(document, count);
    let left = Math.floor(where * nodes);
    return Buffer.from(JSON.stringify(document, (_, node: unknown) => (left-- === 0 ? value : node)) ?? '');
  } catch {
    return bytes;
  }
});

/** One to six changes, one after another; `words` are what the format makes something of. */
export function mutations(words: readonly string[]): fc.Arbitrary<Mutation> {
  const one = fc.oneof({ arbitrary: flip, weight: 3 }, { arbitrary: replaceValue, weight: 3 }, overwrite, cutOut, cutOff, copySpan, { arbitrary: insert(words), weight: 2 });
  return fc.array(one, { minLength: 1, maxLength: 6 }).map((list): Mutation => (bytes) => list.reduce((changed, mutation) => mutation(changed), bytes));
}
