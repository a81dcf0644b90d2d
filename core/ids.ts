// Identifiers on the wire: bytes, and their hex form in logs and URLs.

export const TICKET_BYTES = 16;
export const KEY_BYTES = 32;

/** Lower-case hex of some bytes. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Bytes of a hex string of exactly `length` bytes, or null. */
export function fromHex(text: string, length: number): Uint8Array | null {
  if (text.length !== length * 2 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  return Buffer.from(text, 'hex');
}

/** A chunk's name as shown to people. */
export function shortKey(key: Uint8Array): string {
  return hex(key.subarray(0, 4));
}

/** The i-th key of a concatenation of keys. */
export function keyAt(keys: Uint8Array, i: number): Uint8Array {
  return keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES);
}
