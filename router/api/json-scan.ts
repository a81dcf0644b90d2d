// The top level of a JSON object over its bytes: where each key and value stands. Values are checked and read by JSON.parse,
// positions by this scanner, so that a body can be spliced instead of written anew.
import { isAscii, isUtf8 } from 'node:buffer';
import { BatonError } from '#core/errors.ts';

export interface Member {
  /** After decoding escapes. */
  key: string;
  keyStart: number;
  valueStart: number;
  valueEnd: number;
}

export interface ScannedObject {
  /** Its bytes as latin1, one character each: what positions count, and what is cheap to cut and join. */
  text: string;
  members: Member[];
  /** What JSON.parse makes of it. Integers above 2^53 are inexact here; the bytes are not. */
  value: Record<string, unknown>;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
// Beyond this many bytes a native search for the closing quote is cheaper than a loop.
const SHORT_STRING = 24;

/** Scans one JSON object; `invalid_json` for anything else, deeper nesting included. */
export function scanJsonObject(bytes: Buffer, depthMax: number): ScannedObject {
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) throw invalid('it is not UTF-8');
  const text = bytes.toString('latin1');
  const members = membersOf(bytes, depthMax);
  let value: unknown;
  try {
    value = JSON.parse(ascii ? text : bytes.toString('utf8'));
  } catch {
    // The parser's own message may quote the body.
    throw invalid('it is not JSON');
  }
  return { text, members, value: value as Record<string, unknown> };
}

/** `duplicate_key` when one of `watched` stands twice. */
export function refuseDuplicates(members: readonly Member[], watched: ReadonlySet<string>): void {
  for (let i = 1; i < members.length; i++) {
    const key = members[i]?.key ?? '';
    if (!watched.has(key)) continue;
    for (let j = 0; j < i; j++) {
      if (members[j]?.key === key)
        throw new BatonError('duplicate_key', `"${key}" stands twice in the body. Send it once.`, {
          param: key,
        });
    }
  }
}

function membersOf(bytes: Buffer, depthMax: number): Member[] {
  const members: Member[] = [];
  let at = space(bytes, 0);
  if (bytes[at] !== OPEN_BRACE) throw invalid('it is not an object');
  at = space(bytes, at + 1);
  while (bytes[at] !== CLOSE_BRACE) {
    const keyStart = at;
    if (bytes[at] !== QUOTE) throw invalid('a key is not a string');
    at = stringEnd(bytes, at);
    const key = keyText(bytes, keyStart, at);
    at = space(bytes, at);
    if (bytes[at] !== COLON) throw invalid('a key has no value');
    const valueStart = space(bytes, at + 1);
    const valueEnd = skipValue(bytes, valueStart, depthMax);
    members.push({ key, keyStart, valueStart, valueEnd });
    at = space(bytes, valueEnd);
    if (bytes[at] === COMMA) at = space(bytes, at + 1);
    else if (bytes[at] !== CLOSE_BRACE) throw invalid('it ends early');
  }
  return members;
}

function space(bytes: Buffer, at: number): number {
  for (;;) {
    const c = bytes[at];
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at;
    at++;
  }
}

/** Position after the string whose opening quote is at `at`. */
function stringEnd(bytes: Buffer, at: number): number {
  const start = at + 1;
  const near = Math.min(start + SHORT_STRING, bytes.length);
  for (let i = start; i < near; i++) {
    const c = bytes[i];
    if (c === QUOTE) return i + 1;
    if (c === BACKSLASH) i++;
  }
  for (let from = start; ;) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote < 0) throw invalid('a string does not end');
    let slash = quote;
    while (slash > start && bytes[slash - 1] === BACKSLASH) slash--;
    if ((quote - slash) % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function keyText(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start, end);
  if (!raw.includes('\\')) return raw.slice(1, -1);
  try {
    return JSON.parse(raw) as string;
  } catch {
    throw invalid('a key is not a JSON string');
  }
}

function skipValue(bytes: Buffer, at: number, depthMax: number): number {
  const first = bytes[at];
  if (first === QUOTE) return stringEnd(bytes, at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return scalarEnd(bytes, at);
  let depth = 0;
  while (at < bytes.length) {
    const c = bytes[at];
    if (c === QUOTE) {
      at = stringEnd(bytes, at);
      continue;
    }
    at++;
    if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      if (++depth >= depthMax) throw invalid(`it is nested deeper than ${depthMax}`);
    } else if ((c === CLOSE_BRACE || c === CLOSE_BRACKET) && --depth === 0) return at;
  }
  throw invalid('it ends early');
}

function scalarEnd(bytes: Buffer, at: number): number {
  for (let i = at; i < bytes.length; i++) {
    const c = bytes[i] ?? 0;
    if (c === COMMA || c === CLOSE_BRACE || c <= 0x20) return i;
  }
  throw invalid('it ends early');
}

function invalid(why: string): BatonError {
  return new BatonError('invalid_json', `The body must be one JSON object in UTF-8: ${why}.`);
}
