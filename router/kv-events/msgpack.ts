// A msgpack reader for bytes from other processes: 64-bit integers exact, nesting and lengths bounded, and nothing is allocated for a
// length that the input cannot hold. (General decoders allocate what a header claims.)
import { isUtf8 } from 'node:buffer';

export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | Map<string, Value>;

export interface ReadBounds {
  depthMax: number;
  /** Elements of one array, pairs of one map. */
  lengthMax: number;
  /** Bytes of one string or binary. */
  bytesMax: number;
}

/** Bytes that are not one msgpack value within the bounds. */
export class MalformedError extends Error {}

/** Reads exactly one value. */
export function readValue(bytes: Uint8Array, bounds: ReadBounds): Value {
  const reader = new Reader(bytes, bounds);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private readonly bytes: Buffer;
  private readonly bounds: ReadBounds;
  private at = 0;

  constructor(bytes: Uint8Array, bounds: ReadBounds) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bounds = bounds;
  }

  end(): void {
    if (this.at !== this.bytes.length) throw new MalformedError('bytes follow the value');
  }

  value(depth: number): Value {
    const { bytes } = this;
    const tag = bytes[this.take(1)] ?? 0;
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0x90) return this.map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.text(tag & 0x1f);
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.binary(this.uint(1));
      case 0xc5: return this.binary(this.uint(2));
      case 0xc6: return this.binary(this.uint(4));
      case 0xca: return bytes.readFloatBE(this.take(4));
      case 0xcb: return bytes.readDoubleBE(this.take(8));
      case 0xcc: return this.uint(1);
      case 0xcd: return this.uint(2);
      case 0xce: return this.uint(4);
      case 0xcf: return bytes.readBigUInt64BE(this.take(8));
      case 0xd0: return bytes.readInt8(this.take(1));
      case 0xd1: return bytes.readInt16BE(this.take(2));
      case 0xd2: return bytes.readInt32BE(this.take(4));
      case 0xd3: return bytes.readBigInt64BE(this.take(8));
      case 0xd9: return this.text(this.uint(1));
      case 0xda: return this.text(this.uint(2));
      case 0xdb: return this.text(this.uint(4));
      case 0xdc: return this.array(this.uint(2), depth);
      case 0xdd: return this.array(this.uint(4), depth);
      case 0xde: return this.map(this.uint(2), depth);
      case 0xdf: return this.map(this.uint(4), depth);
      default: throw new MalformedError(`tag ${tag} is not known`);
    }
  } // prettier-ignore

  private array(length: number, depth: number): Value[] {
    this.enter(length, depth);
    const list: Value[] = [];
    for (let i = 0; i < length; i++) list.push(this.value(depth + 1));
    return list;
  }

  private map(length: number, depth: number): Map<string, Value> {
    this.enter(2 * length, depth);
    const map = new Map<string, Value>();
    for (let i = 0; i < length; i++) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') throw new MalformedError('a key is not a string');
      if (map.has(key)) throw new MalformedError('a key stands twice');
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  /** Every element takes a byte at least. */
  private enter(elements: number, depth: number): void {
    if (depth >= this.bounds.depthMax) throw new MalformedError('it is nested too deep');
    if (elements > this.bounds.lengthMax) throw new MalformedError('a list is too long');
    if (elements > this.bytes.length - this.at) throw new MalformedError('it ends early');
  }

  private text(length: number): string {
    const at = this.take(this.bounded(length));
    const text = this.bytes.toString('utf8', at, at + length);
    // What is no UTF-8 is read as this character, which may also stand there itself.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(at, at + length)))
      throw new MalformedError('a string is no UTF-8');
    return text;
  }

  private binary(length: number): Uint8Array {
    const at = this.take(this.bounded(length));
    return new Uint8Array(this.bytes.subarray(at, at + length));
  }

  private bounded(length: number): number {
    if (length > this.bounds.bytesMax) throw new MalformedError('a string is too long');
    return length;
  }

  private uint(width: number): number {
    return this.bytes.readUIntBE(this.take(width), width);
  }

  /** Position of the next `count` bytes, which are there. */
  private take(count: number): number {
    const { at } = this;
    if (count > this.bytes.length - at) throw new MalformedError('it ends early');
    this.at = at + count;
    return at;
  }
}
