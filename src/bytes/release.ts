/** Gives large memory back at once: left to the garbage collector, several frames would be waiting for it. */
export function release(content: Uint8Array): void {
  const { buffer } = content;
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
