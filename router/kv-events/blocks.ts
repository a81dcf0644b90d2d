// Our own names of an engine's blocks: a hash chain over token ids, independent of the engine's algorithm and seed. A prompt is
// looked up by the same chain. They are not chunk keys: blocks of 16 to 128 tokens stay in their engine.
import { hash } from 'node:crypto';
import { KEY_BYTES } from '#core/ids.ts';
import { canonical } from './decode.ts';

const u32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const field = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([u32(bytes.length), bytes]);
};
const sha256 = (parts: readonly Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
const ROOT_TAG = field('baton-block-root-v1');
const TAG = field('baton-block-v1');

/** Where a chain begins: model, size of a block, and what the engine adds to the first block ('' = nothing; else a cache salt …). */
export function blockRoot(model: string, blockTokens: number, extras: string): Buffer {
  return sha256([ROOT_TAG, field(model), u32(blockTokens), field(extras)]);
}

/** The extras of a prompt's first block as an engine tells them: the router sets every request's cache salt. */
export const saltExtras = (salt: string): string => canonical([salt]);

export function blockKey(previous: Uint8Array, tokens: Uint32Array, extras: string): Buffer {
  // Every platform that Baton runs on is little endian; the view is the encoding.
  const ids = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  return sha256([TAG, previous, field(extras), ids]);
}

/** Keys of a prompt's whole blocks, n × 32 bytes. */
export function promptBlocks(root: Uint8Array, tokens: Uint32Array, blockTokens: number): Uint8Array {
  const blocks = Math.floor(tokens.length / blockTokens);
  const keys = new Uint8Array(blocks * KEY_BYTES);
  let previous = root;
  for (let i = 0; i < blocks; i++) {
    previous = blockKey(previous, tokens.subarray(i * blockTokens, (i + 1) * blockTokens), '');
    keys.set(previous, i * KEY_BYTES);
  }
  return keys;
}
