/** The part of zstd-codec that the tests use; the package brings no types. */
declare module 'zstd-codec' {
  export interface Zstd {
    Streaming: new () => { decompressChunks(chunks: Iterable<Uint8Array>, sizeHint?: number): Uint8Array | null };
  }
  export const ZstdCodec: { run(use: (zstd: Zstd) => void): void };
}
