// The engines attached to this node and what they ask of tickets (native/src/bus/engines.cc): accept, watch, claim, release.
import type { NativeAttachment } from '#transfer/native.ts';
import { NO_SLOT } from './arena.ts';
import { CODE, type Code } from './contract.ts';
import type { Attached } from './fills.ts';
import { refusal, sameGeometry } from './geometry.ts';
import { BOUNDS } from './limits.ts';
import { STATE, reason, type Parts, type Ticket } from './ticket.ts';

type Claims = Map<number, number[]>; // → slots

interface Session {
  engine: Attached;
  claims: Claims;
  pushed: (ticket: string, code: Code) => void;
}

/** What baton_ticket_poll answers for a ticket. */
function codeOf({ state }: Ticket): Code {
  if (state >= STATE.settled) return CODE.ended;
  return state === STATE.landed || state === STATE.claimed ? CODE.ok : CODE.landing;
}

export class Engines {
  readonly #parts: Parts;
  readonly #sessions = new Map<number, Session>();
  readonly #left = new Map<number, Claims>(); // of ended sessions whose engines may still read
  #claims = 0;
  deaf = false; // the server is gone: nothing is pushed

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get live(): number[] {
    return [...this.#sessions.keys()];
  }

  attachment(engine: string, space: string): Attached | null {
    for (const { engine: attached } of this.#sessions.values()) {
      if (attached.engine === engine && attached.space === space) return attached;
    }
    return null;
  }

  attach(id: number, engine: Attached, pushed: Session['pushed']): { code: Code; message: string } {
    const wrong = refusal(engine.geometry);
    if (wrong !== null) return { code: CODE.geometry, message: wrong };
    for (const { engine: other } of this.#sessions.values()) {
      if (other.engine === engine.engine) {
        return { code: CODE.nameTaken, message: `another engine is attached as ${engine.engine}` };
      }
      if (other.space === engine.space && !sameGeometry(other.geometry, engine.geometry)) {
        return { code: CODE.geometry, message: 'the namespace is attached with another geometry' };
      }
    }
    if (this.#sessions.size + this.#left.size >= BOUNDS.sessions) {
      return { code: CODE.full, message: 'too many engines are attached' };
    }
    this.#sessions.set(id, { engine, claims: new Map(), pushed });
    this.#event(engine, true);
    return { code: CODE.ok, message: '' };
  }

  accept(
    id: number,
    ticketId: string,
    lastKey: string,
    chunks: number,
    totalTokens: number,
  ): { code: Code; need: boolean[] } {
    const { tickets, lanes } = this.#parts;
    const { engine } = this.#session(id);
    if (tickets.find(ticketId) === null)
      return this.#acceptEnded(engine, ticketId, lastKey, chunks, totalTokens);
    const { ticket, code } = this.ticketToFill(engine, ticketId);
    if (ticket === null) return { code, need: [] };
    const same =
      ticket.chunks.length === chunks &&
      ticket.chunk(chunks - 1).key === lastKey &&
      ticket.totalTokens === totalTokens;
    if (!same) {
      tickets.fail(ticket, reason('key_mismatch'), true);
      return { code: CODE.mismatch, need: [] };
    }
    const need = ticket.chunks.map((chunk, i) => {
      const lacks = chunk.needed && !chunk.done;
      if (ticket.role !== 's') return lacks;
      if (lacks && chunk.slot === NO_SLOT && tickets.hold(ticket, i)) ticket.source?.readyAll(i);
      return lacks && (chunk.slot === NO_SLOT || chunk.filling);
    });
    if (ticket.role === 's') lanes.more(ticket);
    return { code: CODE.ok, need };
  }

  watch(id: number, ticketId: string): Code {
    const { ticket, code } = this.#ticketToLoad(this.#session(id).engine, ticketId);
    if (ticket === null) return code;
    ticket.watcher = id;
    return codeOf(ticket);
  }

  push(ticket: Ticket): void {
    if (!this.deaf) this.#sessions.get(ticket.watcher)?.pushed(ticket.id, codeOf(ticket));
  }

  forget(id: number, ticketId: string): void {
    const ticket = this.#parts.tickets.find(ticketId);
    if (ticket?.watcher === id) ticket.watcher = 0;
  }

  claim(
    id: number,
    ticketId: string | null,
    keys: readonly string[],
  ): { code: Code; claim: number; slots: number[] } {
    const { tickets, store, counters } = this.#parts;
    const session = this.#session(id);
    let ticket: Ticket | null = null;
    if (ticketId !== null) {
      const found = this.#ticketToLoad(session.engine, ticketId);
      // What landed of an ended ticket is here by its key like any other chunk.
      if (found.ticket === null && found.code !== CODE.ended)
        return { code: found.code, claim: 0, slots: [] };
      ticket = found.ticket;
    }
    if (session.claims.size >= BOUNDS.claimsPerSession) return { code: CODE.full, claim: 0, slots: [] };
    const slots: number[] = [];
    let from = 0;
    for (const key of keys) {
      // A ticket's own slots come first: after a double seal its chunk is not the one that the directory finds.
      const own = ticket?.chunks.findIndex(
        (c, i) => i >= from && c.done && !c.corrupt && c.slot !== NO_SLOT && c.key === key,
      );
      let slot: number;
      if (own !== undefined && own >= 0 && ticket !== null) {
        slot = ticket.chunk(own).slot;
        from = own + 1;
      } else {
        slot = store.held(key, session.engine.space, session.engine.geometry, 0);
      }
      if (slot === NO_SLOT) break;
      store.pin(slot);
      slots.push(slot);
    }
    const claim = ++this.#claims;
    session.claims.set(claim, slots);
    counters.claims++;
    if (ticket !== null) tickets.claimed(ticket);
    return { code: CODE.ok, claim, slots };
  }

  release(id: number, claim: number): void {
    const { claims } = this.#session(id);
    const slots = claims.get(claim);
    if (slots === undefined) {
      this.#parts.counters.late_messages++;
      return;
    }
    this.#unpin(slots);
    claims.delete(claim);
    this.#parts.publishSoon();
  }

  scattered(id: number, ticketId: string, stamps: readonly (number | null)[]): void {
    const { tickets, counters } = this.#parts;
    const ticket = tickets.find(ticketId);
    if (ticket?.engine !== this.#session(id).engine.engine || ticket.stamps.length !== stamps.length) {
      counters.late_messages++;
      return;
    }
    stamps.forEach((stamp, l) => {
      const layer = ticket.layer(l);
      if (stamp !== null) layer.scattered = Math.max(layer.scattered ?? 0, stamp);
    });
    tickets.changed(ticket);
  }

  corrupt(slot: number, generation: number): void {
    const { store, counters, tickets, publishSoon } = this.#parts;
    if (store.stale(slot, generation)) {
      counters.late_messages++;
      return;
    }
    counters.corrupt_reported++;
    store.drop(slot);
    tickets.corrupt(slot);
    publishSoon();
  }

  /** No client in the engine's process is of a life of the service before this one. */
  quiesced(id: number, before: bigint): void {
    if (before < this.#parts.store.arena.incarnation) return;
    this.#parts.store.confirmed(this.#session(id).engine.pid);
    this.#parts.publishSoon();
  }

  /** Whatever ended the session: no message of it comes any more. */
  ended(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    const { engine, claims } = session;
    this.#sessions.delete(id);
    this.#left.set(id, claims);
    this.#parts.tickets.engineGone(engine.engine, engine.space);
    this.#parts.fillTable.sessionEnded(id);
    this.#event(engine, false);
  }

  /** The engine has closed its end, so nobody reads or writes what was given to this session. */
  gone(id: number): void {
    const claims = this.#left.get(id);
    if (claims === undefined) return;
    for (const slots of claims.values()) this.#unpin(slots);
    this.#left.delete(id);
    this.#parts.fillTable.sessionGone(id);
    this.#parts.publishSoon();
  }

  /** A live ticket that names this engine as the one who fills; else null and the code to answer with. */
  ticketToFill(engine: Attached, id: string): { ticket: Ticket | null; code: Code } {
    const { tickets, counters } = this.#parts;
    const ticket = tickets.find(id);
    if (ticket === null) {
      // Settled: the target has all it needs, so there is nothing to gather.
      const past = tickets.findEnded(id);
      const needless = past?.role === 's' && past.state === STATE.settled;
      const held = needless && past.sourceEngine === engine.engine;
      return { ticket: null, code: held ? CODE.held : this.#notLive(id) };
    }
    if (ticket.fillsHere && ticket.sourceEngine === engine.engine && ticket.namespace === engine.space) {
      return { ticket, code: CODE.ok };
    }
    counters.refused_foreign++;
    return { ticket: null, code: CODE.foreign };
  }

  #ticketToLoad(engine: Attached, id: string): { ticket: Ticket | null; code: Code } {
    const ticket = this.#parts.tickets.find(id);
    if (ticket === null) return { ticket: null, code: this.#notLive(id) };
    if (ticket.role !== 's' && ticket.engine === engine.engine && ticket.namespace === engine.space) {
      return { ticket, code: CODE.ok };
    }
    this.#parts.counters.refused_foreign++;
    return { ticket: null, code: CODE.foreign };
  }

  #acceptEnded(
    engine: Attached,
    id: string,
    lastKey: string,
    chunks: number,
    totalTokens: number,
  ): { code: Code; need: boolean[] } {
    const past = this.#parts.tickets.findEnded(id);
    if (past?.role !== 's' || past.state !== STATE.settled) return { code: this.#notLive(id), need: [] };
    if (past.sourceEngine !== engine.engine) {
      this.#parts.counters.refused_foreign++;
      return { code: CODE.foreign, need: [] };
    }
    const same = past.lastKey === lastKey && past.chunks === chunks && past.totalTokens === totalTokens;
    if (!same) return { code: CODE.mismatch, need: [] };
    return { code: CODE.ok, need: Array<boolean>(chunks).fill(false) };
  }

  #notLive(id: string): Code {
    const known = this.#parts.tickets.findEnded(id) !== null;
    this.#parts.counters[known ? 'refused_ended' : 'refused_unknown']++;
    return known ? CODE.ended : CODE.unknown;
  }

  #event({ engine, namespace, geometry, pid }: Attached, attached: boolean): void {
    this.#parts.counters.sessions_up = this.#sessions.size;
    const { layers, heads, planeBytes, chunkTokens } = geometry;
    const event: NativeAttachment = {
      engine, namespace, layers, heads, planeBytes: [...planeBytes], chunkTokens, pid, attached,
    }; // prettier-ignore
    this.#parts.mailbox.attachment(event);
    this.#parts.publishSoon();
  }

  /** The last first: of a chain that is evicted bit by bit, its beginning is worth most. */
  #unpin(chain: readonly number[]): void {
    for (const slot of chain.toReversed()) this.#parts.store.unpin(slot);
  }

  #session(id: number): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new Error(`no session ${id}`);
    return session;
  }
}
