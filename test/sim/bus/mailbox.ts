// What the bus has to tell JavaScript, coalesced until it is drained (native/src/bus/mailbox.cc). One wake-up a batch.
import { hex } from '#core/ids.ts';
import type {
  NativeAttachment, NativeChunkEvents, NativeDrained, NativeGranted, NativeTicket,
} from '#transfer/native.ts'; // prettier-ignore
import type { ChunkEvent } from './arena.ts';
import { BOUNDS } from './limits.ts';
import { STATE } from './ticket.ts';

export class Mailbox {
  readonly #wake: () => void;
  #granted: NativeGranted[] = [];
  #tickets = new Map<string, NativeTicket>();
  #chunks: ChunkEvent[] = [];
  #relist = false;
  #attachments: NativeAttachment[] = [];
  #news = false;
  #woken = false;
  readonly #live = new Map<string, NativeTicket>();
  #attached: NativeAttachment[] = [];

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  granted(granted: NativeGranted): void {
    this.#granted.push(granted);
    this.#news = true;
  }

  ticket(view: NativeTicket): void {
    const id = hex(view.ticket);
    if (view.state >= STATE.settled) this.#live.delete(id);
    else this.#live.set(id, view);
    this.#tickets.set(id, view);
    this.#news = true;
  }

  chunks(events: readonly ChunkEvent[], lost: boolean): void {
    if (events.length === 0 && !lost) return;
    this.#news = true;
    this.#relist ||= lost || this.#chunks.length + events.length > BOUNDS.events;
    this.#chunks = this.#relist ? [] : [...this.#chunks, ...events];
  }

  attachment(event: NativeAttachment): void {
    const same = (other: NativeAttachment): boolean =>
      other.engine === event.engine && hex(other.namespace) === hex(event.namespace);
    this.#attached = this.#attached.filter((other) => !same(other));
    if (event.attached) this.#attached.push(event);
    if (this.#attachments.length >= 16 * BOUNDS.sessions) {
      this.#attachments = this.#attachments.filter(({ engine }) => engine !== event.engine);
    }
    this.#attachments.push(event);
    this.#news = true;
  }

  tell(): void {
    if (!this.#news || this.#woken) return;
    this.#woken = true;
    this.#wake();
  }

  drain(): NativeDrained {
    const drained = {
      granted: this.#granted,
      tickets: [...this.#tickets.values()],
      chunks: chunkEvents(this.#chunks),
      relist: this.#relist,
      attachments: this.#attachments,
    };
    this.#granted = [];
    this.#tickets = new Map();
    this.#chunks = [];
    this.#relist = false;
    this.#attachments = [];
    this.#news = false;
    this.#woken = false;
    return drained;
  }

  liveTickets(): NativeTicket[] {
    return [...this.#live.values()];
  }

  attachments(): NativeAttachment[] {
    return [...this.#attached];
  }
}

export function chunkEvents(events: readonly ChunkEvent[]): NativeChunkEvents {
  return {
    kinds: Uint8Array.from(events, ({ kind }) => kind),
    keys: Buffer.from(events.map(({ key }) => key).join(''), 'hex'),
    namespaces: Buffer.from(events.map(({ namespace }) => namespace).join(''), 'hex'),
    tokens: Uint32Array.from(events, ({ tokens }) => tokens),
  };
}
