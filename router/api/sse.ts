// What must be known of an engine's event stream without reading it: its first event, and whether it ended well.
import { LIMITS } from '#core/limits.ts';

export type FirstEvent =
  | { kind: 'more' }
  | { kind: 'good'; bytes: Buffer }
  /** The engine's own error, as the JSON text of its event. */
  | { kind: 'error'; status: number; body: Buffer }
  | { kind: 'too_long' };

const ERROR_PREFIX = Buffer.from('data: {"error"');
const DONE = Buffer.from('data: [DONE]');

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

/** Where an error event begins in this chunk; -1: it has none. In a text the quotes would be escaped. */
export function errorEventStart(chunk: Buffer): number {
  return chunk.indexOf(ERROR_PREFIX);
}

/** Remembers the end of a stream by reference, so that a clean end can be told from a cut one. */
export class StreamEnd {
  private last: Buffer | null = null;
  private before: Buffer | null = null;

  seen(chunk: Buffer): void {
    this.before = this.last;
    this.last = chunk;
  }

  get done(): boolean {
    if (this.last === null) return false;
    if (this.last.includes(DONE)) return true;
    return this.before !== null && Buffer.concat([this.before, this.last]).includes(DONE);
  }
}

/** Position after the event that `from` lies in; -1: it is not whole yet. */
export function eventEnd(bytes: Buffer, from: number): number {
  const lf = bytes.indexOf('\n\n', from);
  const crlf = bytes.indexOf('\r\n\r\n', from);
  if (lf < 0 && crlf < 0) return -1;
  return crlf < 0 || (lf >= 0 && lf < crlf) ? lf + 2 : crlf + 4;
}

/** The data of one event; null: a comment or an event without data. */
function eventData(event: string): string | null {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return lines.length === 0 ? null : lines.map((line) => line.slice(5).trimStart()).join('\n');
}

function judged(bytes: Buffer, data: string): FirstEvent {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    return { kind: 'good', bytes };
  }
  const error = (event as { error?: unknown } | null)?.error;
  if (error === undefined || error === null) return { kind: 'good', bytes };
  const code = (error as { code?: unknown; status?: unknown }).code ?? (error as { status?: unknown }).status;
  const status = typeof code === 'number' && code >= 400 && code <= 599 ? code : 500;
  return { kind: 'error', status, body: Buffer.from(data) };
}
