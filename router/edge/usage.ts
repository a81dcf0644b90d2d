// An answer whose count of cached prompt tokens is replaced on its way to the client, byte for byte otherwise, in whatever pieces it
// comes. Within a JSON string the quotes of the key would be escaped, so the key cannot be part of a text.
import type { Downstream } from './contract.ts';

const KEY = Buffer.from('"cached_tokens":');
const QUOTE = 0x22;
const EMPTY = Buffer.alloc(0);

/** Replaces the number after every `"cached_tokens":`. */
export class CachedTokens {
  private readonly digits: Buffer;
  /** Bytes that may be the beginning of the key or of its number. */
  private held: Buffer = EMPTY;

  constructor(tokens: number) {
    this.digits = Buffer.from(String(tokens));
  }

  push(chunk: Buffer): Buffer {
    const bytes = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = EMPTY;
    const parts: Buffer[] = [];
    let from = 0;
    for (;;) {
      const key = bytes.indexOf(KEY, from);
      if (key < 0) break;
      let start = key + KEY.length;
      while (bytes[start] === 0x20) start++;
      let end = start;
      while (isDigit(bytes[end])) end++;
      if (end === bytes.length) {
        this.held = bytes.subarray(key);
        parts.push(bytes.subarray(from, key));
        return joined(parts);
      }
      parts.push(bytes.subarray(from, start), end > start ? this.digits : EMPTY);
      from = end;
    }
    const keep = bytes.length - beginning(bytes, from);
    this.held = bytes.subarray(keep);
    parts.push(bytes.subarray(from, keep));
    return joined(parts);
  }

  /** What was held back; nothing follows. */
  rest(): Buffer {
    const { held } = this;
    this.held = EMPTY;
    return held;
  }
}

function joined(parts: Buffer[]): Buffer {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** How many of the last bytes, not before `from`, are the beginning of the key. */
function beginning(bytes: Buffer, from: number): number {
  const first = Math.max(from, bytes.length - KEY.length + 1);
  for (let at = bytes.indexOf(QUOTE, first); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    const length = bytes.length - at;
    if (bytes.compare(KEY, 0, length, at) === 0) return length;
  }
  return 0;
}

/** A downstream that reports so many cached tokens, whatever the engine says. */
export class ReportedUsage implements Downstream {
  private readonly to: Downstream;
  private readonly tokens: CachedTokens;
  /** The head of an answer of known length, which may change with its digits. */
  private waiting: { status: number; headers: string[]; length: number } | null = null;

  constructor(to: Downstream, tokens: number) {
    this.to = to;
    this.tokens = new CachedTokens(tokens);
  }

  get headersSent(): boolean {
    return this.to.headersSent || this.waiting !== null;
  }

  head(status: number, headers: string[]): void {
    const length = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'content-length');
    if (length < 0) this.to.head(status, headers);
    else this.waiting = { status, headers, length };
  }

  write(chunk: Uint8Array | string): boolean {
    const bytes = this.tokens.push(bytesOf(chunk));
    return bytes.length === 0 || this.to.write(bytes);
  }

  onDrain(work: () => void): void {
    this.to.onDrain(work);
  }

  end(chunk?: Uint8Array | string): void {
    const pushed = chunk === undefined ? EMPTY : this.tokens.push(bytesOf(chunk));
    const rest = this.tokens.rest();
    const last = rest.length === 0 ? pushed : Buffer.concat([pushed, rest]);
    const { waiting } = this;
    this.waiting = null;
    if (waiting !== null) {
      waiting.headers[waiting.length + 1] = String(last.length);
      this.to.head(waiting.status, waiting.headers);
    }
    if (last.length === 0) this.to.end();
    else this.to.end(last);
  }

  destroy(): void {
    this.to.destroy();
  }

  onLeave(work: () => void): void {
    this.to.onLeave(work);
  }
}

function bytesOf(chunk: Uint8Array | string): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
