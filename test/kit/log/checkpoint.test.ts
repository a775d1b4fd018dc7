import { describe, expect, test } from 'vitest';
import { openCheckpoint, originOf, renderCheckpoint } from '../../../src/kit/log/checkpoint.ts';
import { parsePublicKey } from '../../../src/kit/public-key.ts';
import { testSigner } from '../tiny-kit.ts';

const signer = await testSigner();
const key = parsePublicKey(signer.publicKeyPem, 'of the test');
const origin = originOf('log.internal', signer.keyId);
const head = { origin, size: 7, root: Buffer.alloc(32, 5) };
const note = renderCheckpoint(head, signer);
const open = (text: string) => openCheckpoint(text, key, 'here');

describe('a checkpoint', () => {
  test('is a note of origin, size, root and one signature', () => {
    const [name, size, root, blank, signature, ...rest] = note.split('\n');
    expect(name).toMatch(/^log\.internal - \d+$/);
    expect([size, root, blank, rest]).toEqual(['7', head.root.toString('base64'), '', ['']]);
    expect(signature).toMatch(/^— log\.internal [A-Za-z0-9+/]+=*$/);
    const bytes = Buffer.from(signature!.split(' ')[2]!, 'base64');
    expect(bytes.subarray(0, 4).toString('hex')).toBe(signer.keyId.slice(7, 15));
  });

  test('opens to what was signed', () => {
    expect(open(note)).toEqual(head);
  });

  test('of another size, root, origin or host is refused', () => {
    const changes = [note.replace('\n7\n', '\n8\n'), note.replace(head.root.toString('base64'), Buffer.alloc(32, 6).toString('base64')), note.replace(' - ', ' - 1'), note.replaceAll('log.internal', 'other.internal')];
    for (const changed of changes) expect(() => open(changed), changed).toThrow(expect.objectContaining({ code: 'kit.log-invalid' }));
  });

  test("of a stranger's key is refused, and so is a stranger's signature under the name of this one", () => {
    const stranger = signer.deriveSigner('stranger');
    const theirs = renderCheckpoint(head, stranger);
    expect(() => open(theirs)).toThrow(expect.objectContaining({ code: 'kit.log-invalid' }));
    const signature = (text: string): Buffer => Buffer.from(text.trimEnd().split(' ').at(-1)!, 'base64');
    const mixed = Buffer.concat([signature(note).subarray(0, 4), signature(theirs).subarray(4)]).toString('base64');
    expect(() => open(note.replace(signature(note).toString('base64'), mixed))).toThrow(expect.objectContaining({ code: 'kit.log-invalid' }));
  });

  test('in any other form is refused', () => {
    for (const text of ['', 'x', `${note}\n`, ` ${note}`, note.trimEnd(), note.replace('\n7\n', '\n07\n'), note.replace('\n7\n', '\n-7\n'), note + note, note.replace('— log', '— other')]) {
      expect(() => open(text), JSON.stringify(text)).toThrow(expect.objectContaining({ code: 'kit.log-invalid' }));
    }
  });
});
