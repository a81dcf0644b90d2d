// What must be known of an engine's event stream without reading it: its first event, and whether it ended well.
import { LIMITS } from '#core/limits.ts';
import { planted } from '#planted';

export type FirstEvent =
  | { kind: 'more' }
  | { kind: 'good'; bytes: Buffer }
  /** The engine's own error, as the JSON text of its event. */
  | { kind: 'error'; status: number; body: Buffer }
  | { kind: 'too_long' };

// Within a text the quotes would be escaped.
const ERROR = Buffer.from('"error"');
// With nothing but comments behind it, in the last bytes of a stream.
const DONE = /(?:^|[\r\n])data:[ \t]*\[DONE\][ \t]*(?:[\r\n](?::[^\r\n]*)?)*$/;
const END_BYTES = 64;
const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;

/** Holds an engine's bytes until its first event with data is whole. */
export class FirstEventReader {
  private held: Buffer | null = null;

  push(chunk: Buffer): FirstEvent {
    const bytes = this.held === null ? chunk : Buffer.concat([this.held, chunk]);
    let from = 0;
    for (;;) {
      const end = eventEnd(bytes, from);
      if (end < 0) break;
      const data = eventData(bytes.toString('utf8', from, end));
      if (data !== null) return data.includes('"error"') ? judged(bytes, data) : { kind: 'good', bytes };
      from = end;
    }
    if (bytes.length > LIMITS.firstEventBytesMax) return { kind: 'too_long' };
    this.held = bytes;
    return { kind: 'more' };
  }
}

/** What of a stream may go to the client now. */
export interface Passed {
  bytes: Buffer;
  /** They end with the engine's own error event. */
  inError: boolean;
}

/**
 * Watches the events after the first one, which pass by whole: for the engine's own error event, however it is cut and spaced,
 * and for a good end. An event that has begun waits for its end, so that an error of ours never stands within it. Of a chunk that
 * holds whole events only its bytes are searched once.
 */
export class EventWatch {
  /** An event that has begun and not ended, and how much of it has passed: of one that is too long to be held. */
  private begun: Buffer = NOTHING;
  private passed = 0;
  /** The piece that came last; where it is short, the end of what came. */
  private last: Buffer = NOTHING;

  /** The piece that came last. */
  get latest(): Buffer {
    return this.last;
  }

  get heldBytes(): number {
    return this.begun.length;
  }

  push(chunk: Buffer): Passed {
    this.last = chunk.length < END_BYTES ? Buffer.concat([this.last.subarray(-END_BYTES), chunk]) : chunk;
    const bytes = this.begun.length === 0 ? chunk : Buffer.concat([this.begun, chunk]);
    const from = this.passed;
    this.passed = 0;
    if (bytes.includes(ERROR)) {
      const end = errorEnd(bytes);
      if (end >= 0) return { bytes: bytes.subarray(from, end), inError: true };
    }
    const end = endsEvent(bytes) ? bytes.length : lastEnd(bytes);
    this.begun = bytes.subarray(end);
    if (this.begun.length > LIMITS.firstEventBytesMax) {
      // Only so much is kept that its end is seen.
      this.begun = Buffer.from(this.begun.subarray(-3));
      this.passed = this.begun.length;
      return { bytes: bytes.subarray(from), inError: false };
    }
    if (end === 0) this.passed = from;
    return { bytes: bytes.subarray(Math.min(from, end), end), inError: false };
  }

  /** What was held back of the last event; nothing follows. */
  get rest(): Buffer {
    return this.begun.subarray(this.passed);
  }

  /** What came of the last event is an error, though its end is missing. */
  get inError(): boolean {
    const data = this.begun.includes(ERROR) ? eventData(this.begun.toString('utf8')) : null;
    return data !== null && errorStatus(data) !== null;
  }

  /** The last that came is [DONE], in however many pieces. */
  get done(): boolean {
    return DONE.test(this.last.subarray(-END_BYTES).toString('latin1'));
  }
}

/** Position after the first error event; -1: there is none that has ended. */
function errorEnd(bytes: Buffer): number {
  let from = 0;
  for (let end = eventEnd(bytes, from); end >= 0; end = eventEnd(bytes, from)) {
    const data = eventData(bytes.toString('utf8', from, end));
    if (data !== null && errorStatus(data) !== null) return end;
    from = end;
  }
  return -1;
}

function endsEvent(bytes: Buffer): boolean {
  const end = bytes.length - 1;
  if (bytes[end] !== LF) return false;
  return bytes[end - 1] === LF || (bytes[end - 1] === CR && bytes[end - 2] === LF);
}

/** Position after the last event that has ended. */
function lastEnd(bytes: Buffer): number {
  const lf = bytes.lastIndexOf('\n\n');
  const crlf = bytes.lastIndexOf('\n\r\n');
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 3);
}

/** Position after the event that `from` lies in; -1: it is not whole yet. */
function eventEnd(bytes: Buffer, from: number): number {
  const lf = bytes.indexOf('\n\n', from);
  const crlf = bytes.indexOf('\n\r\n', from);
  if (lf < 0 && crlf < 0) return -1;
  return crlf < 0 || (lf >= 0 && lf < crlf) ? lf + 2 : crlf + 3;
}

/** The data of one event; null: a comment or an event without data. */
function eventData(event: string): string | null {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return lines.length === 0 ? null : lines.map((line) => line.slice(5).trimStart()).join('\n');
}

function judged(bytes: Buffer, data: string): FirstEvent {
  const status = errorStatus(data);
  return status === null || planted('error_as_answer')
    ? { kind: 'good', bytes }
    : { kind: 'error', status, body: Buffer.from(data) };
}

/** Status of the engine's error that this data is; null: it is none. */
function errorStatus(data: string): number | null {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    return null;
  }
  const error = (event as { error?: unknown } | null)?.error;
  if (error === undefined || error === null) return null;
  const code = (error as { code?: unknown; status?: unknown }).code ?? (error as { status?: unknown }).status;
  return typeof code === 'number' && code >= 400 && code <= 599 ? code : 500;
}
