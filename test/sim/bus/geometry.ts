// What a chunk looks like in memory (native/src/base/types.h, native/src/arena/layout.h), and what its stripes mean.
import type { Geometry } from './contract.ts';

const GRANULE = 4096;
const roundUp = (n: number): number => Math.ceil(n / GRANULE) * GRANULE;

export const stripesOf = ({ layers, heads }: Geometry): number => layers * heads;

export function stripeBytes({ planeBytes }: Geometry, tokens: number): number {
  return planeBytes.reduce((sum, bytes) => sum + bytes, 0) * tokens;
}

export function payloadBytes(geometry: Geometry, tokens: number): number {
  return stripeBytes(geometry, tokens) * stripesOf(geometry);
}

function classTokens({ chunkTokens }: Geometry, tokens: number): number {
  for (let parts = 16; parts > 1; parts /= 2) {
    const limit = Math.ceil(chunkTokens / parts);
    if (tokens <= limit) return limit;
  }
  return chunkTokens;
}

export function slotBytes(geometry: Geometry, tokens: number): number {
  const stripes = stripesOf(geometry);
  const header = stripes * 16 + Math.ceil(stripes / 64) * 8;
  return roundUp(header) + roundUp(payloadBytes(geometry, classTokens(geometry, tokens)));
}

/** Null when the geometry can be served. */
export function refusal({ layers, heads, planeBytes, chunkTokens }: Geometry): string | null {
  if (layers < 1 || layers > 1024) return 'layers must be 1 to 1024';
  if (heads < 1 || heads > 1024) return 'heads must be 1 to 1024';
  if (layers * heads > 65536) return 'layers times heads must be at most 65536';
  if (planeBytes.length < 1 || planeBytes.length > 4) return 'planes must be 1 to 4';
  if (planeBytes.some((bytes) => bytes < 1 || bytes > 65536)) return 'bytes of a plane must be 1 to 65536';
  if (chunkTokens < 1 || chunkTokens > 4096) return 'chunk tokens must be 1 to 4096';
  return null;
}

export function sameGeometry(a: Geometry, b: Geometry): boolean {
  return (
    a.layers === b.layers &&
    a.heads === b.heads &&
    a.chunkTokens === b.chunkTokens &&
    a.planeBytes.length === b.planeBytes.length &&
    a.planeBytes.every((bytes, i) => bytes === b.planeBytes[i])
  );
}

/** The digest of a stripe holds its place: right bytes in the wrong place fail too. */
export function digestOf(key: string, layer: number, head: number, value: string): string {
  return `${key}/${layer}/${head}=${value}`;
}
