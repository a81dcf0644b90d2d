// Incoming lanes and what comes over them (native/src/bus/arrivals.cc): which ticket a run may land in, what has landed, and
// whom the loss of a lane leaves waiting.
import type { Timer } from '#core/clock.ts';
import { LANDING, type Landing, type Place, type Run } from './contract.ts';
import { nowhere } from './target.ts';
import { reason, type Parts, type Ticket } from './ticket.ts';

interface Node {
  lane: number; // 0: none is up
  waiting: Set<string>;
  lost: Set<string>; // of those: their lane went down and has not come back
  grace: Timer | null;
}

export class Arrivals {
  readonly #parts: Parts;
  readonly #nodes = new Map<string, Node>();
  readonly #byLane = new Map<number, string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The bus is no more. */
  forget(): void {
    for (const { grace } of this.#nodes.values()) grace?.cancel();
  }

  /** It needs what comes from its peer. */
  await(ticket: Ticket): void {
    const node = this.#node(ticket.peer);
    node.waiting.add(ticket.id);
    this.#need(node);
  }

  /** It does not any more. */
  arrived(ticket: Ticket): void {
    const node = this.#nodes.get(ticket.peer);
    if (node === undefined) return;
    node.waiting.delete(ticket.id);
    node.lost.delete(ticket.id);
    this.#need(node);
    if (node.waiting.size === 0 && node.lane === 0) this.#drop(ticket.peer, node);
  }

  /** The ticket has ended: after this nothing is written for it. `tell`: the source; true when that was possible. */
  leave(ticket: Ticket, tell: boolean): boolean {
    const id = this.#nodes.get(ticket.peer)?.lane ?? 0;
    const lane = id === 0 ? null : this.#parts.endpoint.find(id);
    const told = lane !== null && tell;
    if (told) lane.cancel(ticket.id, ticket.epoch, ticket.farewell, true);
    this.arrived(ticket);
    return told;
  }

  up(id: number): void {
    const lane = this.#parts.endpoint.find(id);
    if (lane === null) return;
    this.#byLane.set(id, lane.peer);
    const node = this.#node(lane.peer);
    node.lane = id;
    node.lost.clear();
    this.#need(node);
    // What ended while there was no lane: a source that still fills for it would learn so only by its lease.
    this.#parts.tickets.tellSource(lane.peer, (ticket, past) => {
      lane.cancel(ticket, past.epoch, past.farewell, true);
    });
  }

  /** The source dials again by itself; it has as long for that as for being silent. */
  down(id: number): void {
    const name = this.#byLane.get(id);
    if (name === undefined) return;
    this.#byLane.delete(id);
    const node = this.#nodes.get(name);
    if (node?.lane !== id) return;
    node.lane = 0;
    if (node.waiting.size === 0) {
      this.#drop(name, node);
      return;
    }
    node.lost = new Set(node.waiting);
    node.grace?.cancel();
    const { clock, laneSilenceMs } = this.#parts.options;
    node.grace = clock.after(laneSilenceMs, () => {
      node.grace = null;
      const lost = [...node.lost].sort();
      node.lost.clear();
      for (const ticketId of lost) {
        const ticket = this.#parts.tickets.find(ticketId);
        if (ticket !== null) this.#parts.tickets.fail(ticket, reason('lane_lost'), true);
      }
    });
  }

  place(lane: number, run: Run): Place {
    const peer = this.#byLane.get(lane);
    const { tickets } = this.#parts;
    const ticket = tickets.find(run.ticket);
    if (ticket === null) {
      const past = tickets.findEnded(run.ticket);
      if (past === null) return this.#refuse('unknown_ticket');
      if (past.peer !== peer || past.role !== 't') return this.#refuse('foreign_ticket');
      // Announced again because acknowledgements were lost with a lane: all of it is here.
      return past.landed && past.epoch === run.epoch ? nowhere(0) : this.#refuse('ended_ticket');
    }
    if (ticket.target === null || ticket.peer !== peer) return this.#refuse('foreign_ticket');
    return ticket.epoch === run.epoch ? ticket.target.place(run) : this.#refuse('ended_ticket');
  }

  landed(run: Run, landing: Landing): void {
    const { tickets, counters, store, options } = this.#parts;
    const ticket = tickets.find(run.ticket);
    if (ticket === null || ticket.target === null || ticket.epoch !== run.epoch) {
      counters.late_messages++;
      return;
    }
    if (landing !== LANDING.ok) {
      counters.stripes_wrong++;
      return;
    }
    tickets.streaming(ticket);
    if (!ticket.target.landed(run, options.clock.now())) return;
    store.seal(ticket.chunk(run.chunk).slot);
    tickets.chunkDone(ticket, run.chunk);
  }

  cancelled(lane: number, id: string, epoch: number, why: number): void {
    const ticket = this.#parts.tickets.find(id);
    const waits =
      ticket !== null &&
      ticket.role === 't' &&
      ticket.peer === this.#byLane.get(lane) &&
      ticket.epoch === epoch &&
      ticket.landed < ticket.needed;
    if (waits) this.#parts.tickets.fail(ticket, why === 0 ? reason('peer_failed') : why, false);
    else this.#parts.counters.late_messages++;
    // Messages come in order, so nothing of it is under way any more.
    this.#parts.endpoint.find(lane)?.cancel(id, epoch, why, true);
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name) ?? { lane: 0, waiting: new Set(), lost: new Set(), grace: null };
    this.#nodes.set(name, node);
    return node;
  }

  #need({ lane, waiting }: Node): void {
    if (lane !== 0) this.#parts.endpoint.need(lane, waiting.size > 0);
  }

  #drop(name: string, { grace }: Node): void {
    grace?.cancel();
    this.#nodes.delete(name);
  }

  #refuse(why: 'unknown_ticket' | 'foreign_ticket' | 'ended_ticket'): Place {
    const { counters } = this.#parts;
    if (why === 'unknown_ticket') counters.refused_unknown++;
    else if (why === 'foreign_ticket') counters.refused_foreign++;
    else counters.refused_ended++;
    return nowhere(reason(why));
  }
}
