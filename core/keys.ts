// The one constructor of names: namespace, root, chunk keys (docs/wire.md §Names; golden vectors in test/fixtures).
import { createHash, createHmac } from 'node:crypto';
import { planted } from '#planted';
import { KEY_BYTES } from './ids.ts';
import { chunkTokenCounts, type Geometry } from './geometry.ts';

export interface NamespaceFacts {
  model: string;
  /** Revision or digest of the weights. */
  revision: string;
  quantisation: string;
  /** Digest of the adapter's content, '' = none. */
  adapter: string;
  kvDtype: string;
  /** Digest of static KV scales, '' = none. */
  scales: string;
  /** Position-encoding facts that change KV. */
  position: string;
  planeNames: readonly string[];
  geometry: Geometry;
}

const LAYOUT_VERSION = 1;

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Canonical encoding of a namespace: fields of `u32 length ‖ bytes`. */
export function encodeNamespace(facts: NamespaceFacts): Uint8Array {
  const { geometry } = facts;
  const fields: (string | number)[] = [
    'baton-namespace-v1', facts.model, facts.revision, facts.quantisation, facts.adapter, facts.kvDtype, facts.scales,
    geometry.chunkTokens, facts.position, LAYOUT_VERSION, geometry.layers,
  ]; // prettier-ignore
  for (let layer = 0; layer < geometry.layers; layer++) {
    fields.push(geometry.planeBytes.length);
    geometry.planeBytes.forEach((bytes, plane) =>
      fields.push(facts.planeNames[plane] ?? `plane${plane}`, bytes, geometry.heads),
    );
  }
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    const bytes = typeof field === 'number' ? u32(field) : Buffer.from(field, 'utf8');
    parts.push(u32(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

/** SHA-256 of the namespace encoding: 32 bytes. */
export function namespaceDigest(facts: NamespaceFacts): Uint8Array {
  return createHash('sha256').update(encodeNamespace(facts)).digest();
}

/** Root of a request's hash chain: HMAC-SHA-256(tenant secret, tag ‖ namespace digest ‖ cache salt), 32 bytes. */
export function rootOf(tenantSecret: Uint8Array, namespace: Uint8Array, cacheSalt: string): Uint8Array {
  return createHmac('sha256', tenantSecret)
    .update('baton-root-v1')
    .update(namespace)
    .update(cacheSalt, 'utf8')
    .digest();
}

/** Key of one chunk: SHA-256(tag ‖ previous key or root ‖ extra ‖ token ids), 32 bytes. */
export function chunkKey(
  previous: Uint8Array,
  tokens: Uint32Array,
  extra: Uint8Array = new Uint8Array(0),
): Buffer {
  return createHash('sha256')
    .update('baton-key-v1')
    .update(previous)
    .update(u32(extra.length))
    .update(extra)
    .update(u32(tokens.length))
    .update(littleEndian(tokens))
    .digest();
}

/** Keys of a prompt's chunks, concatenated (n × 32 bytes), the tail included. */
export function chunkKeys(root: Uint8Array, tokens: Uint32Array, chunkTokens: number): Uint8Array {
  const counts = chunkTokenCounts(tokens.length, chunkTokens);
  const keys = new Uint8Array(counts.length * KEY_BYTES);
  let previous = root;
  let start = 0;
  counts.forEach((count, i) => {
    const key = chunkKey(previous, tokens.subarray(start, start + count));
    keys.set(key, i * KEY_BYTES);
    previous = planted('key_without_prefix') ? root : key;
    start += count;
  });
  return keys;
}

// Every platform that Baton runs on is little endian; the view is the encoding.
function littleEndian(tokens: Uint32Array): Uint8Array {
  return new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
}
