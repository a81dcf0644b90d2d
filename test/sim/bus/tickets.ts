// The ticket table and every change of a ticket's state (native/src/bus/tickets.cc). Whatever ends a ticket ends it here.
import { NO_SLOT } from './arena.ts';
import { Leases } from './leases.ts';
import { BOUNDS } from './limits.ts';
import { STATE, reason, viewOf, type Parts, type Role, type State, type Ticket } from './ticket.ts';

/** What is remembered of an ended ticket, so that late calls hear of it. */
export interface EndedTicket {
  state: State;
  reason: number;
  role: Role;
  landed: boolean; // everything that was needed
  told: boolean; // the source knows, or needs not to
  farewell: number;
  engine: string;
  sourceEngine: string;
  peer: string;
  lastKey: string;
  chunks: number;
  epoch: number;
  totalTokens: number;
}

export class Tickets {
  readonly #parts: Parts;
  readonly #leases: Leases;
  readonly #live = new Map<string, Ticket>();
  readonly #ended = new Map<string, EndedTicket>(); // in the order of their ends
  readonly #changed = new Set<string>();
  refusing = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#leases = new Leases(parts.options.clock, (id) => {
      const ticket = this.find(id);
      if (ticket !== null) this.end(ticket, STATE.expired, 0, true);
    });
  }

  get count(): number {
    return this.#live.size;
  }

  find(id: string): Ticket | null {
    return this.#live.get(id) ?? null;
  }

  findEnded(id: string): EndedTicket | null {
    return this.#ended.get(id) ?? null;
  }

  admit(ticket: Ticket, leaseMs: number): void {
    ticket.stamps = Array.from({ length: ticket.geometry.layers }, () => ({
      computedFirst: null, computed: null, out: null, landed: null, scattered: null,
    })); // prettier-ignore
    this.#leases.set(ticket.id, leaseMs);
    this.#live.set(ticket.id, ticket);
    this.#parts.counters.tickets_live = this.#live.size;
  }

  abort(id: string, why: number): void {
    const ticket = this.find(id);
    if (ticket !== null) this.end(ticket, STATE.aborted, why, true);
    else this.#parts.counters.late_messages++;
  }

  renew(id: string, leaseMs: number): void {
    if (this.find(id) !== null) this.#leases.set(id, leaseMs);
    else this.#parts.counters.late_messages++;
  }

  settle(id: string): void {
    const ticket = this.find(id);
    if (ticket !== null) this.end(ticket, STATE.settled, 0, true);
    else this.#parts.counters.late_messages++;
  }

  /** Calls say(id, ticket) for each ended target whose source could not be told; then it counts as told. */
  tellSource(peer: string, say: (id: string, past: EndedTicket) => void): void {
    for (const [id, past] of this.#ended) {
      if (past.told || past.peer !== peer) continue;
      past.told = true;
      say(id, past);
    }
  }

  /** Pins the chunk if the arena has it sealed. */
  hold(ticket: Ticket, i: number): boolean {
    const chunk = ticket.chunk(i);
    const slot = this.#parts.store.held(chunk.key, ticket.namespace, ticket.geometry, chunk.tokens);
    if (slot === NO_SLOT) return false;
    this.#parts.store.pin(slot);
    chunk.slot = slot;
    return true;
  }

  streaming(ticket: Ticket): void {
    if (ticket.state !== STATE.reserved) return;
    ticket.state = STATE.streaming;
    this.changed(ticket);
  }

  chunkDone(ticket: Ticket, i: number): void {
    const chunk = ticket.chunk(i);
    chunk.done = true;
    ticket.landed++;
    this.changed(ticket);
    const all = ticket.landed === ticket.needed;
    if (ticket.role === 's') {
      this.#parts.store.unpin(chunk.slot);
      chunk.slot = NO_SLOT;
      if (all) this.end(ticket, STATE.settled, 0, false);
    } else if (all) {
      this.landed(ticket);
    }
  }

  landed(ticket: Ticket): void {
    ticket.state = STATE.landed;
    this.#parts.counters.tickets_landed++;
    this.#parts.arrivals.arrived(ticket);
    this.#tellWatcher(ticket);
    this.changed(ticket);
  }

  claimed(ticket: Ticket): void {
    ticket.claims++;
    if (ticket.state === STATE.landed) ticket.state = STATE.claimed;
    this.changed(ticket);
  }

  changed(ticket: Ticket): void {
    this.#changed.add(ticket.id);
    this.#parts.publishSoon();
  }

  fail(ticket: Ticket, why: number, tell: boolean): void {
    this.end(ticket, STATE.failed, why, tell);
  }

  /** `tell`: the other end is to hear of it. */
  end(ticket: Ticket, state: State, why: number, tell: boolean): void {
    if (!ticket.live) return;
    const { counters, store, fillTable, lanes, arrivals } = this.#parts;
    const allLanded = ticket.landed === ticket.needed;
    ticket.state = state;
    ticket.reason = why;
    if (state === STATE.settled) counters.tickets_settled++;
    else if (state === STATE.aborted) counters.tickets_aborted++;
    else if (state === STATE.expired) counters.tickets_expired++;
    else counters.tickets_failed++;
    this.#leases.drop(ticket.id);
    this.#tellWatcher(ticket);
    if (ticket.role === 's') {
      lanes.leave(ticket, tell);
      this.#remember(ticket, true);
    } else {
      // First the lane lets go of the slots, then they are given back.
      const owed = tell && !allLanded && ticket.role === 't';
      const told = arrivals.leave(ticket, owed);
      this.#remember(ticket, told || !owed);
      // The last first: of a chain that is evicted bit by bit, its beginning is worth most.
      for (const chunk of ticket.chunks.toReversed()) {
        if (chunk.slot === NO_SLOT) continue;
        if (chunk.filling) fillTable.orphan(chunk.slot, false);
        else if (chunk.done) store.unpin(chunk.slot);
        else store.abandon(chunk.slot, false);
        chunk.slot = NO_SLOT;
      }
    }
    this.#parts.mailbox.ticket(viewOf(ticket));
    this.#changed.delete(ticket.id);
    this.#parts.publishSoon();
    this.#live.delete(ticket.id);
    counters.tickets_live = this.#live.size;
  }

  /** A reader found other bytes in the slot than were verified. */
  corrupt(slot: number): void {
    for (const ticket of this.#live.values()) {
      for (const chunk of ticket.chunks) chunk.corrupt ||= chunk.slot === slot;
    }
  }

  /** Fails what still waits for this engine to fill it. */
  engineGone(engine: string, namespace: string): void {
    // What is sealed goes on without the engine.
    const waits = (ticket: Ticket): boolean =>
      ticket.chunks.some(
        ({ needed, done, slot, filling }) =>
          needed && !done && (ticket.role !== 's' || slot === NO_SLOT || filling),
      );
    this.#failAll(
      (t) => t.fillsHere && t.sourceEngine === engine && t.namespace === namespace && waits(t),
      reason('engine_gone'),
    );
  }

  /** Fails all that live. */
  stop(): void {
    this.refusing = true;
    this.#failAll(() => true, reason('stopping'));
  }

  /** The bus is no more. */
  forget(): void {
    this.#leases.end();
  }

  /** Changed tickets to the mailbox. */
  publish(): void {
    for (const id of this.#changed) {
      const ticket = this.find(id);
      if (ticket !== null) this.#parts.mailbox.ticket(viewOf(ticket));
    }
    this.#changed.clear();
  }

  #failAll(which: (ticket: Ticket) => boolean, why: number): void {
    const failing = [...this.#live.values()].filter(which).sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const ticket of failing) this.fail(ticket, why, true);
  }

  #tellWatcher(ticket: Ticket): void {
    if (ticket.watcher !== 0) this.#parts.engines.push(ticket);
  }

  #remember(ticket: Ticket, told: boolean): void {
    this.#ended.set(ticket.id, {
      state: ticket.state,
      reason: ticket.reason,
      role: ticket.role,
      landed: ticket.landed === ticket.needed,
      told,
      farewell: ticket.farewell,
      engine: ticket.engine,
      sourceEngine: ticket.sourceEngine,
      peer: ticket.peer,
      lastKey: ticket.chunk(ticket.chunks.length - 1).key,
      chunks: ticket.chunks.length,
      epoch: ticket.epoch,
      totalTokens: ticket.totalTokens,
    });
    const oldest = this.#ended.keys().next().value;
    if (this.#ended.size > BOUNDS.endedTicketsKept && oldest !== undefined) this.#ended.delete(oldest);
  }
}
