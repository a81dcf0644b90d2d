// One decode leg's answer on its way to the client: judged before our own head goes out, then relayed byte for byte.
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { clientError, endStreamWithError } from '../api/errors.ts';
import { EventWatch, FirstEventReader } from '../api/sse.ts';
import type { Downstream, EngineAnswer, Fail, Headers, Leg, LegHandler } from './contract.ts';

export interface RelayEvents {
  /** Asked when the first event is there: why it comes too late to be believed; null: it does not. */
  late?(): BatonError | null;
  /** The answer is good and its first byte is about to go: the flat list of headers to add to content-type. */
  good(): string[];
  /** The answer went out whole. */
  done(): void;
  /** The engine judged the request itself: nothing went out yet. */
  refused(answer: EngineAnswer): void;
  /** The leg's connection broke; `sent`: the request may have reached the engine. */
  broken(sent: boolean): void;
  /** The client takes nothing more for now, its buffer being full; or goes on. */
  stalled(waiting: boolean): void;
  /** The leg failed; when headers were sent, the client has been told by an error event. */
  failed: Fail;
}

type Phase = 'head' | 'first event' | 'stream' | 'whole' | 'body' | 'refusal' | 'over';

export class Relay implements LegHandler {
  private readonly to: Downstream;
  private readonly events: RelayEvents;
  /** Both for event streams only. */
  private first: FirstEventReader | null = null;
  private watch: EventWatch | null = null;
  private phase: Phase = 'head';
  private leg: Leg | null = null;
  private status = 0;
  private contentType = '';
  private held: Buffer[] = [];
  private heldBytes = 0;
  private paused = false;
  private readonly resume = (): void => {
    this.paused = false;
    if (this.phase === 'over') return;
    this.events.stalled(false);
    this.leg?.resume();
  };

  constructor(to: Downstream, events: RelayEvents) {
    this.to = to;
    this.events = events;
  }

  attach(leg: Leg): void {
    this.leg = leg;
  }

  /** Changes with every piece of the answer that goes to the client. */
  get reached(): unknown {
    return this.watch?.latest ?? this.heldBytes;
  }

  /** Stops relaying; before the head nothing is told to the client, after it an error event ends the stream. */
  stop(error: BatonError): void {
    if (this.phase === 'over') return;
    const { phase } = this;
    this.phase = 'over';
    this.leg?.abort();
    // After [DONE] nothing is missing.
    if (phase === 'stream' && this.watch?.done === true) {
      this.finish();
      return;
    }
    if (phase === 'stream') endStreamWithError(this.to, clientError(error));
    else if (phase === 'body') this.to.destroy();
    this.events.failed(error);
  }

  head(status: number, headers: Headers): void {
    this.status = status;
    this.contentType = String(headers['content-type'] ?? 'application/json');
    if (status === 503) this.stop(new BatonError('engine_unavailable'));
    else if (status >= 500)
      this.stop(new BatonError('decode_failed', `The decode engine answered ${status}.`));
    else if (status >= 400) this.phase = 'refusal';
    else if (status >= 300) this.stop(new BatonError('upstream_protocol', `The engine answered ${status}.`));
    else if (this.contentType.startsWith('text/event-stream')) {
      this.phase = 'first event';
      this.first = new FirstEventReader();
      this.watch = new EventWatch();
    } else this.phase = 'whole';
  }

  data(chunk: Buffer): void {
    if (this.phase === 'stream') this.relay(chunk);
    else if (this.phase === 'first event') this.firstEvent(chunk);
    else if (this.phase === 'body') {
      this.heldBytes += chunk.length;
      this.write(chunk);
    } else this.hold(chunk);
  }

  end(): void {
    const { phase } = this;
    if (phase === 'first event') {
      this.stop(
        new BatonError('upstream_protocol', 'The engine ended its event stream before the first event.'),
      );
    } else if (phase === 'stream') {
      if (this.watch?.inError === true) this.endInError(Buffer.concat([this.watch.rest, END_OF_EVENT]));
      else if (this.watch?.done === true) this.finish();
      else this.stop(interrupted('its stream ended early'));
    } else if (phase === 'body') this.finish();
    else if (phase === 'whole') {
      const body = this.taken();
      this.to.head(this.status, this.headers(body.length));
      this.to.end(body);
      this.over();
    } else if (phase === 'refusal') {
      this.phase = 'over';
      this.events.refused({ status: this.status, contentType: this.contentType, body: this.taken() });
    }
  }

  failed({ reason, sent }: { reason: string; sent: boolean }): void {
    if (this.phase !== 'over') this.events.broken(sent);
    if (this.phase === 'stream' || this.phase === 'body') this.stop(interrupted(reason));
    else
      this.stop(
        new BatonError('decode_failed', `The decode engine failed before its first token (${reason}).`),
      );
  }

  private firstEvent(chunk: Buffer): void {
    const event = this.first?.push(chunk) ?? { kind: 'more' };
    const late = event.kind === 'good' ? (this.events.late?.() ?? null) : null;
    if (late !== null) this.stop(late);
    else if (event.kind === 'good') {
      this.phase = 'stream';
      this.to.head(this.status, this.headers(null));
      this.relay(event.bytes);
    } else if (event.kind === 'error') {
      this.leg?.abort();
      if (event.status >= 500) {
        this.stop(new BatonError('decode_failed', 'The decode engine answered an error as its first event.'));
        return;
      }
      this.phase = 'over';
      this.events.refused({ status: event.status, contentType: 'application/json', body: event.body });
    } else if (event.kind === 'too_long') {
      this.stop(new BatonError('upstream_protocol', 'The first event of the engine exceeds the bound.'));
    }
  }

  private relay(chunk: Buffer): void {
    const { bytes, inError } = this.watch?.push(chunk) ?? { bytes: chunk, inError: false };
    // The engine's own error event is the last thing that the client gets: no [DONE] after it.
    if (inError) this.endInError(bytes);
    else if (bytes.length > 0) this.write(bytes);
  }

  private endInError(last: Buffer): void {
    this.phase = 'over';
    this.leg?.abort();
    this.to.end(last);
    this.events.failed(interrupted('it sent an error event'));
  }

  private write(chunk: Buffer): void {
    if (this.to.write(chunk) || this.paused) return;
    this.paused = true;
    this.events.stalled(true);
    this.leg?.pause();
    this.to.onDrain(this.resume);
  }

  /** Short answers are held whole, so that an engine's death can still be mended; long ones begin to flow. */
  private hold(chunk: Buffer): void {
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    if (this.heldBytes <= LIMITS.legAnswerBytesMax) return;
    if (this.phase === 'refusal') {
      this.stop(new BatonError('upstream_protocol', 'The refusal of the engine exceeds the bound.'));
      return;
    }
    this.phase = 'body';
    this.to.head(this.status, this.headers(null));
    this.write(this.taken());
  }

  private taken(): Buffer {
    const { held } = this;
    this.held = [];
    return held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
  }

  private headers(length: number | null): string[] {
    const headers = this.events.good();
    headers.push('content-type', this.contentType);
    if (length === null) headers.push('cache-control', 'no-cache');
    else headers.push('content-length', String(length));
    return headers;
  }

  private finish(): void {
    const rest = this.watch?.rest ?? NOTHING;
    if (rest.length === 0) this.to.end();
    // An event without its end is none; empty lines are no event.
    else this.to.end(rest.every(isLineEnd) ? rest : Buffer.concat([rest, END_OF_EVENT]));
    this.over();
  }

  private over(): void {
    this.phase = 'over';
    this.events.done();
  }
}

const NOTHING = Buffer.alloc(0);
const END_OF_EVENT = Buffer.from('\n\n');
const isLineEnd = (byte: number): boolean => byte === 0x0a || byte === 0x0d;

function interrupted(why: string): BatonError {
  return new BatonError('decode_interrupted', `The decode engine failed after its first token (${why}).`);
}
