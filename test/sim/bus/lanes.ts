// Outgoing lanes by peer (native/src/bus/lanes.cc): one for all tickets towards a node, dialled at the first, kept, dialled
// again within bounds when it breaks. Tickets with runs to send take turns.
import type { Timer } from '#core/clock.ts';
import { NO_SLOT } from './arena.ts';
import { LANDING, type Landing, type Run } from './contract.ts';
import { BOUNDS } from './limits.ts';
import { STATE, reason, type Parts, type Ticket } from './ticket.ts';

interface Farewell {
  ticket: string;
  epoch: number;
  reason: number;
}

interface Peer {
  node: string;
  host: string;
  port: number;
  lane: number; // 0: none
  up: boolean;
  attempts: number; // dialled again since the last acknowledgement
  redial: Timer | null;
  incarnation: bigint; // 0: not met yet
  tickets: Map<string, bigint>; // → incarnation they belong to
  turns: string[]; // with runs waiting, in the order in which they are served
  farewells: Farewell[]; // ended while no lane was up
  lingering: Map<string, number[]>; // ended, the lane still reads from these slots
}

const newPeer = (node: string): Peer => ({
  node, host: '', port: 0, lane: 0, up: false, attempts: 0, redial: null, incarnation: 0n, tickets: new Map(), turns: [],
  farewells: [], lingering: new Map(),
}); // prettier-ignore

const inOrder = <T>(map: ReadonlyMap<string, T>): [string, T][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

export class Lanes {
  readonly #parts: Parts;
  readonly #peers = new Map<string, Peer>();
  readonly #byLane = new Map<number, Peer>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The bus is no more. */
  forget(): void {
    for (const { redial } of this.#peers.values()) redial?.cancel();
  }

  owns(lane: number): boolean {
    return this.#byLane.has(lane);
  }

  join(ticket: Ticket, host: string, port: number): void {
    const peer = this.#peers.get(ticket.peer) ?? newPeer(ticket.peer);
    this.#peers.set(ticket.peer, peer);
    if (peer.host !== host || peer.port !== port) peer.incarnation = 0n;
    peer.host = host;
    peer.port = port;
    peer.tickets.set(ticket.id, peer.up ? peer.incarnation : 0n);
    if (peer.lane === 0 && peer.redial === null) this.#dial(peer);
    this.#need(peer);
  }

  /** It has runs waiting. */
  more(ticket: Ticket): void {
    const peer = this.#peers.get(ticket.peer);
    if (peer === undefined || !ticket.source?.waiting) return;
    if (!ticket.source.inTurn) peer.turns.push(ticket.id);
    ticket.source.inTurn = true;
    this.#pump(peer);
  }

  /** The ticket has ended: its slots are released as soon as the lane has let go of them. `tell`: the peer. */
  leave(ticket: Ticket, tell: boolean): void {
    const peer = this.#peers.get(ticket.peer);
    const laneReads = peer?.up === true && (ticket.source?.inFlight ?? 0) > 0;
    const slots: number[] = [];
    for (const chunk of ticket.chunks) {
      if (chunk.slot === NO_SLOT) continue;
      if (chunk.filling) this.#parts.fillTable.orphan(chunk.slot, laneReads);
      if (!chunk.filling || laneReads) slots.push(chunk.slot);
      chunk.filling = false;
      chunk.slot = NO_SLOT;
    }
    if (peer === undefined) {
      this.#letGo(slots);
      return;
    }
    peer.tickets.delete(ticket.id);
    if (laneReads) peer.lingering.set(ticket.id, slots);
    else this.#letGo(slots);
    const lane = peer.up ? this.#parts.endpoint.find(peer.lane) : null;
    const { id, epoch, farewell } = ticket;
    if (lane !== null && (tell || laneReads)) {
      lane.cancel(id, epoch, farewell, false);
    } else if (tell && (peer.lane !== 0 || peer.redial !== null) && peer.farewells.length < BOUNDS.tickets) {
      peer.farewells.push({ ticket: id, epoch, reason: farewell });
    }
    this.#need(peer);
    this.#forgetIfIdle(peer);
  }

  up(id: number): void {
    const peer = this.#byLane.get(id);
    const lane = this.#parts.endpoint.find(id);
    if (peer === undefined || lane === null) return;
    peer.up = true;
    peer.incarnation = this.#parts.endpoint.peerIncarnation(id);
    const farewells = peer.farewells;
    peer.farewells = [];
    for (const { ticket, epoch, reason: why } of farewells) lane.cancel(ticket, epoch, why, false);
    for (const [ticket, incarnation] of peer.tickets) {
      if (incarnation === 0n) peer.tickets.set(ticket, peer.incarnation);
    }
    this.#need(peer);
    this.#pump(peer);
  }

  down(id: number, why: number, retryable: boolean): void {
    const peer = this.#byLane.get(id);
    if (peer === undefined) return;
    this.#byLane.delete(id);
    peer.lane = 0;
    peer.up = false;
    const lingering = inOrder(peer.lingering);
    peer.lingering.clear();
    for (const [, slots] of lingering) this.#letGo(slots);
    peer.turns = [];
    for (const [ticketId] of inOrder(peer.tickets)) {
      const source = this.#parts.tickets.find(ticketId)?.source;
      if (source == null) continue;
      source.laneLost();
      source.inTurn = source.waiting;
      if (source.inTurn) peer.turns.push(ticketId);
    }
    const wanted = peer.tickets.size > 0 || peer.farewells.length > 0;
    if (retryable && wanted && peer.attempts < BOUNDS.reconnectsPerLane) this.#dialAgain(peer);
    else this.#giveUp(peer, why);
  }

  writable(lane: number): void {
    const peer = this.#byLane.get(lane);
    if (peer !== undefined) this.#pump(peer);
  }

  sending(run: Run): void {
    const ticket = this.#parts.tickets.find(run.ticket);
    if (ticket?.source == null) return;
    ticket.source.firstByte(run, this.#parts.options.clock.now());
    this.#parts.tickets.streaming(ticket);
  }

  acknowledged(lane: number, run: Run, landing: Landing): void {
    const { tickets, counters } = this.#parts;
    const peer = this.#byLane.get(lane);
    const ticket = tickets.find(run.ticket);
    if (peer === undefined || ticket?.source == null || ticket.epoch !== run.epoch) {
      counters.late_messages++;
    } else if (landing === LANDING.ok) {
      peer.attempts = 0;
      if (ticket.source.acknowledged(run)) tickets.chunkDone(ticket, run.chunk);
    } else if (landing === LANDING.refused) {
      tickets.fail(ticket, reason('peer_failed'), false);
    } else {
      this.#wrong(ticket, run);
    }
  }

  cancelled(lane: number, id: string, epoch: number, why: number): void {
    const peer = this.#byLane.get(lane);
    if (peer === undefined) return;
    const slots = peer.lingering.get(id);
    if (slots !== undefined) {
      peer.lingering.delete(id);
      this.#letGo(slots);
      this.#need(peer);
      return;
    }
    const { tickets, counters } = this.#parts;
    const ticket = tickets.find(id);
    if (ticket === null || ticket.role !== 's' || ticket.epoch !== epoch || ticket.peer !== peer.node) {
      counters.late_messages++;
    } else if (why === 0) {
      tickets.end(ticket, STATE.settled, 0, false); // the target needs no more of it
    } else {
      tickets.fail(ticket, why, false);
    }
  }

  #dial(peer: Peer): void {
    if (this.#byLane.size >= BOUNDS.lanes / 2) this.#closeAnIdleOne();
    peer.lane = this.#parts.endpoint.dial(peer.node, peer.host, peer.port, peer.incarnation);
    this.#byLane.set(peer.lane, peer);
  }

  #closeAnIdleOne(): void {
    for (const [node, peer] of inOrder(this.#peers)) {
      if (!peer.up || peer.tickets.size > 0 || peer.lingering.size > 0) continue;
      this.#byLane.delete(peer.lane);
      this.#parts.endpoint.close(peer.lane);
      this.#peers.delete(node);
      return;
    }
  }

  #need({ lane, tickets, lingering }: Peer): void {
    if (lane !== 0) this.#parts.endpoint.need(lane, tickets.size > 0 || lingering.size > 0);
  }

  /** One run of each ticket after the other, so that a long prompt does not hold up a short one. */
  #pump(peer: Peer): void {
    const lane = peer.up ? this.#parts.endpoint.find(peer.lane) : null;
    while (lane !== null) {
      const id = peer.turns[0];
      if (id === undefined) return;
      const source = this.#parts.tickets.find(id)?.source ?? null;
      if (source?.waiting === true) {
        const run = source.next();
        if (!lane.announce(run)) return;
        source.handedOver(run);
      }
      peer.turns.shift();
      if (source === null) continue;
      source.inTurn = source.waiting;
      if (source.inTurn) peer.turns.push(id);
    }
  }

  #letGo(slots: readonly number[]): void {
    // The last first: a chain's beginning is worth most.
    for (const slot of slots.toReversed()) {
      if (!this.#parts.fillTable.laneLetGo(slot)) this.#parts.store.unpin(slot);
    }
  }

  #dialAgain(peer: Peer): void {
    const pause = BOUNDS.firstPauseMs * 2 ** peer.attempts++;
    peer.redial = this.#parts.options.clock.after(pause, () => {
      peer.redial = null;
      if (peer.tickets.size === 0 && peer.farewells.length === 0) {
        this.#forgetIfIdle(peer);
        return;
      }
      this.#dial(peer);
      this.#need(peer);
    });
  }

  /** The tickets of the incarnation that is gone fail; those that came since get a try of their own. */
  #giveUp(peer: Peer, why: number): void {
    const gone = peer.incarnation;
    peer.incarnation = 0n;
    peer.attempts = 0;
    peer.farewells = [];
    const failing = inOrder(peer.tickets).filter(([, incarnation]) => gone === 0n || incarnation !== 0n);
    for (const [id] of failing) {
      const ticket = this.#parts.tickets.find(id);
      if (ticket !== null) this.#parts.tickets.fail(ticket, why, false);
    }
    if (this.#peers.get(peer.node) !== peer) return; // leaving has forgotten it
    if (peer.tickets.size > 0 && peer.lane === 0) this.#dialAgain(peer);
    else this.#forgetIfIdle(peer);
  }

  #forgetIfIdle(peer: Peer): void {
    if (peer.lane === 0 && peer.redial === null && peer.tickets.size === 0) this.#peers.delete(peer.node);
  }

  #wrong(ticket: Ticket, run: Run): void {
    const { tickets, counters, store } = this.#parts;
    if (ticket.source?.again(run) === true) {
      counters.runs_resent++;
      this.more(ticket);
      return;
    }
    // If the bytes went bad here, nobody else must be given them.
    const { slot } = ticket.chunk(run.chunk);
    if (slot !== NO_SLOT && ticket.source?.intact(run.chunk) === false) {
      counters.stripes_wrong++;
      store.drop(slot);
    }
    tickets.fail(ticket, reason('digest_mismatch'), true);
  }
}
