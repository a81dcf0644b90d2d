// Slots that engines write (native/src/bus/fills.cc): begun, filled layer by layer, sealed, or given up. A fill is its own
// until sealed; a slot whose fill ended early is not used again before both its engine and its lane have let go of it.
import { NO_SLOT } from './arena.ts';
import { CODE, type Attach, type Code } from './contract.ts';
import { reason, type Parts, type Ticket } from './ticket.ts';

export interface FillRequest {
  ticket: string | null;
  key: string;
  chunk: number;
  tokens: number;
}

/** An engine as the bus knows it: what it attached with, its namespace in hex. */
export type Attached = Attach & { space: string };

export interface Filled {
  code: Code;
  slot: number;
  generation: number;
}

interface Fill {
  generation: number;
  session: number;
  ticket: string | null;
  chunk: number;
  heads: number;
  layers: boolean[]; // announced
  over: boolean; // its ticket has ended
  laneReads: boolean; // over: a lane may still read the slot
  writerDone: boolean; // over: the engine does not write any more
}

const status = (code: Code): Filled => ({ code, slot: NO_SLOT, generation: 0 });

export class Fills {
  readonly #parts: Parts;
  readonly #live = new Map<number, Fill>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  begin(session: number, engine: Attached, request: FillRequest): Filled {
    const { engines, store } = this.#parts;
    if (request.tokens < 1 || request.tokens > engine.geometry.chunkTokens) return status(CODE.argument);
    if (request.ticket !== null) {
      const found = engines.ticketToFill(engine, request.ticket);
      return found.ticket === null
        ? status(found.code)
        : this.#beginFor(found.ticket, session, engine, request);
    }
    const { geometry } = engine;
    const held = store.held(request.key, engine.space, geometry, request.tokens);
    if (held !== NO_SLOT) return status(CODE.held);
    const slot = this.#reserve(engine, request);
    return slot === NO_SLOT ? status(CODE.full) : this.#start(slot, session, engine, request);
  }

  giveUp(session: number, slot: number, generation: number): void {
    const fill = this.#find(session, slot, generation);
    if (fill === null) return;
    const { tickets } = this.#parts;
    const ticket = fill.ticket !== null && !fill.over ? tickets.find(fill.ticket) : null;
    if (ticket !== null) tickets.fail(ticket, reason('fill_aborted'), true);
    else if (!fill.over) this.orphan(slot, false);
    const still = this.#at(slot);
    if (still !== null) this.#writerDone(slot, still);
  }

  announce(session: number, slot: number, generation: number, layer: number): void {
    const fill = this.#find(session, slot, generation);
    if (fill === null) return;
    if (fill.layers[layer] !== false) this.#parts.counters.late_messages++;
    else this.#filled(slot, fill, layer);
  }

  /** The engine may still write what it has begun, but nobody waits for it. */
  sessionEnded(session: number): void {
    for (const slot of this.#of(session)) {
      if (this.#at(slot)?.over === false) this.orphan(slot, false);
    }
  }

  /** It writes nothing of that any more. */
  sessionGone(session: number): void {
    for (const slot of this.#of(session)) {
      const fill = this.#at(slot);
      if (fill !== null) this.#writerDone(slot, fill);
    }
  }

  /** The ticket of this slot's fill has ended before the fill. */
  orphan(slot: number, laneReads: boolean): void {
    const fill = this.#at(slot);
    if (fill === null) return;
    fill.over = true;
    fill.laneReads = laneReads;
    if (!laneReads) this.#parts.store.abandon(slot, true);
  }

  /** The lane has let go of the slot; false when no fill holds it. */
  laneLetGo(slot: number): boolean {
    const fill = this.#at(slot);
    if (fill?.over !== true) return false;
    fill.laneReads = false;
    this.#parts.store.abandon(slot, !fill.writerDone);
    this.#parts.publishSoon();
    if (fill.writerDone) this.#live.delete(slot);
    return true;
  }

  #beginFor(ticket: Ticket, session: number, engine: Attached, request: FillRequest): Filled {
    const { tickets, store, lanes } = this.#parts;
    const chunk = ticket.chunks[request.chunk];
    if (chunk?.key !== request.key || chunk.tokens !== request.tokens) {
      tickets.fail(ticket, reason('key_mismatch'), true);
      return status(CODE.mismatch);
    }
    if (!chunk.needed || chunk.done) return status(CODE.held);
    if (chunk.filling) return status(CODE.argument); // its first fill is not over
    const both = ticket.role === 'b';
    if (!both && chunk.slot !== NO_SLOT) return status(CODE.held);
    const reserved = chunk.slot;
    if (tickets.hold(ticket, request.chunk)) { // sealed by somebody meanwhile
      if (both) {
        store.abandon(reserved, false);
        tickets.chunkDone(ticket, request.chunk);
      } else {
        ticket.source?.readyAll(request.chunk);
        lanes.more(ticket);
      }
      return status(CODE.held);
    } // prettier-ignore
    if (!both) chunk.slot = this.#reserve(engine, request);
    if (chunk.slot === NO_SLOT) {
      tickets.fail(ticket, reason('source_full'), true);
      return status(CODE.full);
    }
    chunk.filling = true;
    return this.#start(chunk.slot, session, engine, request);
  }

  #reserve(engine: Attached, { key, tokens }: FillRequest): number {
    const { store, counters } = this.#parts;
    const slot = store.reserve(key, engine.space, engine.geometry, tokens, ++this.#parts.fills, engine.pid);
    if (slot === NO_SLOT) counters.fills_full++;
    return slot;
  }

  #start(slot: number, session: number, { geometry }: Attached, request: FillRequest): Filled {
    this.#parts.counters.fills_begun++;
    this.#parts.store.filling(slot);
    const { generation } = this.#parts.store.slot(slot);
    this.#live.set(slot, {
      generation, session, ticket: request.ticket, chunk: request.chunk, heads: geometry.heads,
      layers: Array<boolean>(geometry.layers).fill(false), over: false, laneReads: false, writerDone: false,
    }); // prettier-ignore
    return { code: CODE.ok, slot, generation };
  }

  #filled(slot: number, fill: Fill, layer: number): void {
    const { store, tickets, lanes, options } = this.#parts;
    fill.layers[layer] = true;
    const whole = fill.layers.every(Boolean);
    if (fill.over) {
      this.#parts.counters.late_messages++;
      if (whole) this.#writerDone(slot, fill);
      return;
    }
    store.setFilled(slot, layer * fill.heads, fill.heads);
    const ticket = fill.ticket === null ? null : tickets.find(fill.ticket);
    if (ticket !== null) {
      const now = options.clock.now();
      const stamps = ticket.layer(layer);
      stamps.computedFirst = Math.min(stamps.computedFirst ?? now, now);
      stamps.computed = Math.max(stamps.computed ?? now, now);
      if (ticket.role === 'b') {
        stamps.landed = now;
        tickets.streaming(ticket);
      } else {
        ticket.source?.ready(fill.chunk, layer);
      }
    }
    if (whole) {
      store.seal(slot);
      this.#live.delete(slot);
      this.#parts.publishSoon();
      if (ticket === null)
        store.unpin(slot); // kept for later prompts
      else ticket.chunk(fill.chunk).filling = false;
    }
    if (ticket === null) return;
    if (ticket.role === 's') lanes.more(ticket);
    else if (whole) tickets.chunkDone(ticket, fill.chunk);
  }

  #writerDone(slot: number, fill: Fill): void {
    fill.writerDone = true;
    if (fill.laneReads) return;
    this.#parts.store.quiesced(slot);
    this.#live.delete(slot);
  }

  /** The arena frees a slot by itself once its writer's process is gone, perhaps before the session's end is known here. */
  #at(slot: number): Fill | null {
    const fill = this.#live.get(slot);
    if (fill === undefined) return null;
    if (!this.#parts.store.stale(slot, fill.generation)) return fill;
    this.#live.delete(slot);
    return null;
  }

  #find(session: number, slot: number, generation: number): Fill | null {
    const fill = this.#at(slot);
    if (fill?.session === session && fill.generation === generation) return fill;
    this.#parts.counters.late_messages++;
    return null;
  }

  #of(session: number): number[] {
    return [...this.#live]
      .filter(([, fill]) => fill.session === session)
      .map(([slot]) => slot)
      .sort((a, b) => a - b);
  }
}
