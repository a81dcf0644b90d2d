// What one layer of a namespace caches per token and KV head; every layer is alike (docs/wire.md §Names).

export interface Geometry {
  layers: number;
  heads: number;
  /** Bytes per token and head of each plane: K and V, or MLA's one latent. */
  planeBytes: readonly number[];
  chunkTokens: number;
}

/** Bytes of KV cache of one token over all layers, heads and planes. */
export function bytesPerToken(geometry: Geometry): number {
  return geometry.layers * geometry.heads * geometry.planeBytes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Token counts of a prompt's chunks: full ones and the tail. */
export function chunkTokenCounts(promptTokens: number, chunkTokens: number): Uint32Array {
  const counts = new Uint32Array(Math.ceil(promptTokens / chunkTokens)).fill(chunkTokens);
  const tail = promptTokens % chunkTokens;
  if (tail > 0) counts[counts.length - 1] = tail;
  return counts;
}
