// Short names in scripts for what is bytes on the wire, and back. The driver over the real bus (native/test/script/names.h)
// makes the same bytes of them.
import { KEY_BYTES, TICKET_BYTES } from '#core/ids.ts';
import type { Geometry } from '../contract.ts';

/** Slots of g0 have two sizes, so that memory falls into pieces; g1 is another model; g2 is refused. */
export const GEOMETRIES: readonly Geometry[] = [
  { layers: 2, heads: 2, planeBytes: [16, 16], chunkTokens: 64 },
  { layers: 3, heads: 1, planeBytes: [32], chunkTokens: 64 },
  { layers: 0, heads: 1, planeBytes: [16], chunkTokens: 64 },
];

const number = (name: string): number => Number(name.slice(1));

/** `k7`: little endian, so that keys spread over the shared index. */
export function keyOf(name: string): Uint8Array {
  const bytes = Buffer.alloc(KEY_BYTES, 0x6b);
  bytes.writeUInt32LE(number(name));
  return bytes;
}

export const keyName = (key: Uint8Array): string => `k${Buffer.from(key).readUInt32LE()}`;

/** `t7`: big endian, so that tickets are in the order of their numbers. */
export function ticketOf(name: string): Uint8Array {
  const bytes = Buffer.alloc(TICKET_BYTES, 0x74);
  bytes.writeUInt32BE(number(name));
  return bytes;
}

export const ticketName = (ticket: Uint8Array | string): string =>
  `t${Buffer.from(typeof ticket === 'string' ? Buffer.from(ticket, 'hex') : ticket).readUInt32BE()}`;

export const namespaceOf = (name: string): Uint8Array => Buffer.alloc(32, number(name) + 1);

export const geometryOf = (name: string): Geometry => {
  const geometry = GEOMETRIES[number(name)];
  if (geometry === undefined) throw new Error(`there is no geometry ${name}`);
  return geometry;
};

/** A chunk in a script: `k7:64`, needed by the target `k7:64!`. */
export interface ScriptChunk {
  key: string;
  tokens: number;
  needed: boolean;
}

export const chunksOf = (text: string): ScriptChunk[] =>
  text.split(',').map((part) => {
    const [key = '', tokens = ''] = part.replace('!', '').split(':');
    return { key, tokens: Number(tokens), needed: part.endsWith('!') };
  });

export const chunksText = (chunks: readonly ScriptChunk[]): string =>
  chunks.map(({ key, tokens, needed }) => `${key}:${tokens}${needed ? '!' : ''}`).join(',');
