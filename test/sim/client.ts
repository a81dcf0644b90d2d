// A client: asks, reads at its own pace, may leave, and judges what it got (invariants 1 and 5).
import { ERRORS, type ErrorCode } from '#core/errors.ts';
import { expectedTokens } from './kv.ts';
import type { Reader } from './edge.ts';
import type { Ask } from './workload.ts';

/** `ok`, a status that the table documents, an error event after the first byte, or a connection that ended. */
export type Outcome =
  | { kind: 'ok' }
  | { kind: 'error'; code: string }
  | { kind: 'interrupted'; code: string }
  | { kind: 'cut' }
  | { kind: 'left' }
  | { kind: 'refused' };

export class Answer implements Reader {
  readonly ask: Ask;
  readonly #expected: number[];
  readonly #told: (outcome: Outcome) => void;
  readonly #violation: (text: string) => void;
  readonly #pause: (ms: number, work: () => void) => void;
  #status = 0;
  #headers: ReadonlyMap<string, string> = new Map();
  #text = '';
  #over = false;

  constructor(
    ask: Ask,
    lanes: number,
    pause: (ms: number, work: () => void) => void,
    told: (outcome: Outcome) => void,
    violation: (text: string) => void,
  ) {
    this.ask = ask;
    this.#expected = expectedTokens(ask.prompt, ask.maxTokens, ask.tenant, lanes);
    this.#pause = pause;
    this.#told = told;
    this.#violation = violation;
  }

  get over(): boolean {
    return this.#over;
  }

  head(status: number, headers: ReadonlyMap<string, string>): void {
    if (this.#status !== 0) this.#violation(`${this.ask.id}: a second head (invariant 5)`);
    this.#status = status;
    this.#headers = headers;
  }

  data(text: string, taken: () => void): void {
    this.#text += text;
    this.#pause(this.ask.readMs, taken);
  }

  end(): void {
    if (this.#over) return;
    if (this.#status !== 200) this.#refused();
    else if (this.#headers.get('content-type') === 'text/event-stream') this.#streamed(true);
    else this.#whole();
  }

  lost(refused: boolean): void {
    if (this.#over) return;
    if (this.#status === 200 && this.#headers.get('content-type') === 'text/event-stream')
      this.#streamed(false);
    else this.#end({ kind: refused ? 'refused' : 'cut' });
  }

  left(): void {
    this.#end({ kind: 'left' });
  }

  #end(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#told(outcome);
  }

  #refused(): void {
    const { id } = this.ask;
    let code = '';
    try {
      code = String((JSON.parse(this.#text) as { error: { code: unknown } }).error.code);
    } catch {
      this.#violation(`${id}: status ${this.#status} without an error body (invariant 5)`);
    }
    const entry = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : null;
    // An engine's own refusal is relayed as it is.
    if (code === 'planned' && this.#status === 400) this.#end({ kind: 'error', code: 'upstream_refused' });
    else {
      if (entry === null || entry.status !== this.#status)
        this.#violation(`${id}: status ${this.#status} with code "${code}" is not documented (invariant 5)`);
      if (entry?.retryAfter === true && !this.#headers.has('retry-after'))
        this.#violation(`${id}: ${code} without Retry-After (invariant 5)`);
      if (code === 'internal') this.#violation(`${id}: a defect ended the request`);
      this.#end({ kind: 'error', code });
    }
  }

  #whole(): void {
    const { choices } = JSON.parse(this.#text) as { choices: { text: string }[] };
    this.#compare(choices[0]?.text ?? '', true);
    this.#end({ kind: 'ok' });
  }

  /** `ended`: the stream came to its end; else the connection broke. */
  #streamed(ended: boolean): void {
    const { id } = this.ask;
    const events = this.#text.split('\n\n');
    const rest = events.pop() ?? '';
    if (ended && rest !== '') this.#violation(`${id}: the stream ends within an event`);
    let text = '';
    let done = false;
    let error: string | null = null;
    if (events[0]?.includes('"error"') === true)
      this.#violation(`${id}: a 200 whose first event is an error (invariant 5)`);
    for (const event of events) {
      const data = event.replace(/^data: /, '');
      if (done || error !== null)
        this.#violation(`${id}: an event after the last one: ${JSON.stringify(this.#text)} (invariant 5)`);
      if (data === '[DONE]') {
        done = true;
        continue;
      }
      const parsed = JSON.parse(data) as { choices?: { text: string }[]; error?: { code: unknown } };
      if (parsed.error === undefined) text += parsed.choices?.[0]?.text ?? '';
      else error = String(parsed.error.code);
    }
    this.#compare(text, done);
    if (done) this.#end({ kind: 'ok' });
    else if (error !== null) {
      // 500: the engine's own error event.
      if (error !== '500' && !Object.hasOwn(ERRORS, error))
        this.#violation(`${id}: the error event's code "${error}" is not documented (invariant 5)`);
      this.#end({ kind: 'interrupted', code: error });
    } else {
      if (ended) this.#violation(`${id}: a stream without [DONE] and without an error event (invariant 5)`);
      this.#end({ kind: 'cut' });
    }
  }

  #compare(text: string, whole: boolean): void {
    const expected = this.#expected.map((token) => ` ${token}`).join('');
    if (whole ? text === expected : expected.startsWith(text)) return;
    this.#violation(`${this.ask.id}: answered "${text}", right is "${expected}" (invariant 1)`);
  }
}
