/** An image of one static program of some hundred bytes, as an archive to import: `/wait` waits for ever, `/end` ends at once. */
import { type ImageDigests, writeImage } from './oci-image.ts';

/** x86-64: `mov eax, 34; syscall; jmp back` is pause() again and again, `mov eax, 60; xor edi, edi; syscall` is exit(0). */
const code = { wait: [0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7], end: [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05] } as const;

/** @param name As containerd lists it. */
export function writeTinyImage(path: string, name: string): Promise<ImageDigests> {
  const files = [{ path: 'end', content: renderElf(code.end) }, { path: 'wait', content: renderElf(code.wait) }];
  return writeImage(path, name, files, { Cmd: ['/wait'] });
}

function renderElf(instructions: readonly number[]): Buffer {
  const headers = 64 + 56;
  const elf = Buffer.alloc(headers);
  const address = 0x400000n;
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(62, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(address + BigInt(headers), 24);
  elf.writeBigUInt64LE(64n, 32);
  for (const [at, value] of [[52, 64], [54, 56], [56, 1]] as const) elf.writeUInt16LE(value, at);
  elf.writeUInt32LE(1, 64);
  elf.writeUInt32LE(5, 68);
  elf.writeBigUInt64LE(address, 80);
  elf.writeBigUInt64LE(address, 88);
  for (const at of [96, 104]) elf.writeBigUInt64LE(BigInt(headers + instructions.length), at);
  elf.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([elf, Buffer.from(instructions)]);
}
