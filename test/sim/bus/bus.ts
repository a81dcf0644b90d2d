// The parts of one bus put together (native/src/bus/assembly.cc), behind the face that the transfer service sees.
import { hex } from '#core/ids.ts';
import { REASONS } from '#core/errors.ts';
import type { Timer } from '#core/clock.ts';
import type {
  NativeAttachment, NativeBus, NativeChunkEvents, NativeCounters, NativeDrained, NativeExpect, NativeOpen, NativeTicket,
} from '#transfer/native.ts'; // prettier-ignore
import { Arrivals } from './arrivals.ts';
import { Store, type ModelArena } from './arena.ts';
import { CODE, type Attach, type Attached, type LaneSink, type ModelOptions } from './contract.ts';
import { Engines } from './engines.ts';
import { Fills } from './fills.ts';
import { Lanes } from './lanes.ts';
import { BOUNDS } from './limits.ts';
import { Mailbox, chunkEvents } from './mailbox.ts';
import { expect, open } from './reserve.ts';
import { Session, type Service } from './session.ts';
import { Parts, reason } from './ticket.ts';
import { Tickets } from './tickets.ts';

export class ModelBus implements NativeBus {
  readonly #parts: Parts;
  readonly #mailbox: Mailbox;
  readonly #port: number;
  readonly #incarnation: bigint;
  readonly #sessions = new Map<number, Session>();
  readonly #service: Service;
  #lastSession = 0;
  #publishing: Timer | null = null;
  #reaping: Timer | null = null;
  #closed = false;
  #lastCounters: NativeCounters = {};

  constructor(arena: ModelArena, options: ModelOptions, wake: () => void) {
    const store = new Store(arena);
    this.#incarnation = arena.incarnation;
    this.#mailbox = new Mailbox(wake);
    const parts = new Parts(options, store, this.#mailbox, () => {
      this.#publishSoon();
    });
    this.#parts = parts;
    parts.tickets = new Tickets(parts);
    parts.fillTable = new Fills(parts);
    parts.engines = new Engines(parts);
    parts.lanes = new Lanes(parts);
    parts.arrivals = new Arrivals(parts);
    this.#service = { engines: parts.engines, fills: parts.fillTable };
    const { node, laneHost, lanePort, laneConnectMs, laneSilenceMs, verify, clock } = options;
    parts.endpoint = options.network.listen(
      {
        node, incarnation: this.#incarnation, host: laneHost, port: lanePort, connectMs: laneConnectMs,
        silenceMs: laneSilenceMs, verify, clock,
      }, traffic(parts),
    ); // prettier-ignore
    this.#port = parts.endpoint.port;
    this.#reapSoon(); // what was taken over may be quiescing
  }

  // ---- engines ----

  attach(request: Attach): Attached {
    const refused = this.#closed ? { code: CODE.closed, message: 'the service is gone' } : null;
    const id = ++this.#lastSession;
    const attached = { ...request, namespace: Uint8Array.from(request.namespace), space: hex(request.namespace) };
    const session = new Session(id, attached, this.#parts.store.arena, this.#service);
    const { code, message } =
      refused ?? this.#parts.engines.attach(id, attached, (ticket, told) => { session.pushed(ticket, told); }); // prettier-ignore
    if (code !== CODE.ok) return { ok: false, code, message };
    this.#sessions.set(id, session);
    session.attached();
    return { ok: true, session };
  } // prettier-ignore

  /** The service's process is killed: nothing is told to anyone, the arena stays as it is. */
  crash(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.endpoint.end(true);
    this.#forget();
  }

  get closed(): boolean {
    return this.#closed;
  }

  // ---- the transfer service ----

  incarnation(): bigint {
    return this.#incarnation;
  }

  lanePort(): number {
    return this.#port;
  }

  open(request: NativeOpen): void {
    if (!this.#closed) open(this.#parts, request);
  }

  expect(request: NativeExpect): void {
    if (!this.#closed) expect(this.#parts, request);
  }

  abort(ticket: Uint8Array, why: number): void {
    if (this.#closed) return;
    const known = why === 0 || (REASONS[why] ?? null) !== null;
    this.#parts.tickets.abort(hex(ticket), known ? why : reason('malformed'));
  }

  renew(ticket: Uint8Array, leaseMs: number): void {
    if (!this.#closed) this.#parts.tickets.renew(hex(ticket), leaseMs);
  }

  settle(ticket: Uint8Array): void {
    if (!this.#closed) this.#parts.tickets.settle(hex(ticket));
  }

  refuseNew(): void {
    this.#parts.tickets.refusing = true;
  }

  drain(): NativeDrained {
    return this.#mailbox.drain();
  }

  listTickets(): NativeTicket[] {
    return this.#mailbox.liveTickets();
  }

  listAttachments(): NativeAttachment[] {
    return this.#mailbox.attachments();
  }

  listChunks(): NativeChunkEvents {
    return chunkEvents(this.#closed ? [] : this.#parts.store.list());
  }

  counters(): NativeCounters {
    if (this.#closed) return this.#lastCounters;
    const { counters, endpoint, store } = this.#parts;
    const arena = Object.entries(store.stats()).map(([name, value]) => [`arena_${name}`, value] as const);
    const unused = { lane_bytes_out: 0, lane_bytes_in: 0, lane_bad_frames: 0, lane_duplicates: 0, lane_discarded_bytes: 0 };
    const sessions = { session_malformed: 0 };
    return { ...counters, ...unused, ...endpoint.stats(), ...sessions, ...Object.fromEntries(arena) };
  } // prettier-ignore

  close(): void {
    if (this.#closed) return;
    this.#reaping?.cancel();
    const { tickets, engines, endpoint } = this.#parts;
    tickets.stop();
    this.#publish();
    this.#lastCounters = this.counters();
    this.#closed = true;
    engines.deaf = true;
    for (const id of engines.live) engines.ended(id);
    this.#publish();
    endpoint.end(false);
    this.#forget();
  }

  #forget(): void {
    this.#publishing?.cancel();
    this.#reaping?.cancel();
    this.#parts.tickets.forget();
    this.#parts.lanes.forget();
    this.#parts.arrivals.forget();
    this.#parts.store.unlock();
    for (const session of this.#sessions.values()) session.serviceGone();
  }

  #publishSoon(): void {
    this.#publishing ??= this.#parts.options.clock.after(0, () => {
      this.#publish();
    });
  }

  #publish(): void {
    this.#publishing?.cancel();
    this.#publishing = null;
    this.#parts.tickets.publish();
    const { events, lost } = this.#parts.store.takeEvents();
    this.#mailbox.chunks(events, lost);
    this.#mailbox.tell();
    this.#reapSoon();
  }

  /** Slots that wait for a process to end are looked at as long as there are any. */
  #reapSoon(): void {
    if (this.#reaping !== null || this.#closed || this.#parts.store.quiescing === 0) return;
    this.#reaping = this.#parts.options.clock.after(BOUNDS.quiescingCheckMs, () => {
      this.#reaping = null;
      this.#parts.store.reap();
      this.#reapSoon();
    });
  }
}

/** What the path tells, handed to those whom it concerns: outgoing lanes to Lanes, incoming ones to Arrivals. */
function traffic(parts: Parts): LaneSink {
  const { lanes, arrivals } = parts;
  return {
    place: (lane, run) => arrivals.place(lane, run),
    landed: (_lane, run, landing) => { arrivals.landed(run, landing); },
    sending: (_lane, run) => { lanes.sending(run); },
    acknowledged: (lane, run, landing) => { lanes.acknowledged(lane, run, landing); },
    cancelled: (lane, ticket, epoch, why, quiesced) => {
      if (lanes.owns(lane)) lanes.cancelled(lane, ticket, epoch, why);
      else if (!quiesced) arrivals.cancelled(lane, ticket, epoch, why);
    },
    writable: (lane) => { lanes.writable(lane); },
    up: (lane) => {
      if (lanes.owns(lane)) lanes.up(lane);
      else arrivals.up(lane);
    },
    down: (lane, why, retryable) => {
      if (lanes.owns(lane)) lanes.down(lane, why, retryable);
      else arrivals.down(lane);
    },
  };
} // prettier-ignore
