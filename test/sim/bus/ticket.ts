// One handoff as this node knows it, and what the parts of one bus share (native/src/bus/ticket.h, parts.h, types.h).
import { REASONS, type Reason } from '#core/errors.ts';
import type { NativeTicket } from '#transfer/native.ts';
import type { Arrivals } from './arrivals.ts';
import { NO_SLOT, type Store } from './arena.ts';
import type { Geometry, LaneEndpoint, ModelOptions } from './contract.ts';
import type { Engines } from './engines.ts';
import type { Fills } from './fills.ts';
import { stripeBytes } from './geometry.ts';
import type { Lanes } from './lanes.ts';
import type { Mailbox } from './mailbox.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';
import type { Tickets } from './tickets.ts';

/** Numbers of TicketState in native/src/base/types.h. */
export const STATE = {
  none: 0, reserved: 1, streaming: 2, landed: 3, claimed: 4, settled: 5, aborted: 6, expired: 7, failed: 8,
} as const; // prettier-ignore
export type State = (typeof STATE)[keyof typeof STATE];

/** The wire number of a reason. */
export const reason = (name: Reason | 'none'): number => (name === 'none' ? 0 : REASONS.indexOf(name));

export interface TicketChunk {
  key: string;
  tokens: number;
  needed: boolean; // the target lacks it
  slot: number; // pinned once by this ticket while set
  filling: boolean; // an engine writes the slot
  done: boolean; // source: acknowledged whole; target: verified, sealed
  corrupt: boolean; // reported by a reader: given to no other
}

/** Stamps of one layer in ms, null = never. */
export interface Stamps {
  computedFirst: number | null;
  computed: number | null;
  out: number | null;
  landed: number | null;
  scattered: number | null;
}

export type Role = 's' | 't' | 'b';

export class Ticket {
  readonly id: string;
  readonly role: Role;
  readonly namespace: string;
  readonly geometry: Geometry;
  readonly peer: string;
  readonly epoch: number;
  readonly engine: string; // may watch and claim
  readonly sourceEngine: string; // may accept and fill
  state: State = STATE.reserved;
  reason = 0;
  chunks: TicketChunk[] = [];
  needed = 0;
  landed = 0;
  claims = 0;
  bytesOut = 0;
  bytesIn = 0;
  runsResent = 0;
  stamps: Stamps[] = [];
  watcher = 0;
  source: Source | null = null;
  target: Target | null = null;

  constructor(
    from: Pick<Ticket, 'id' | 'role' | 'namespace' | 'geometry' | 'peer' | 'epoch' | 'engine' | 'sourceEngine'>,
  ) {
    this.id = from.id;
    this.role = from.role;
    this.namespace = from.namespace;
    this.geometry = from.geometry;
    this.peer = from.peer;
    this.epoch = from.epoch;
    this.engine = from.engine;
    this.sourceEngine = from.sourceEngine;
  } // prettier-ignore

  get live(): boolean {
    return this.state < STATE.settled;
  }

  /** What the other end is told of this one's end; 0: nothing is wrong, nothing more is needed. */
  get farewell(): number {
    return this.reason === 0 && this.state !== STATE.settled ? reason('peer_failed') : this.reason;
  }

  get fillsHere(): boolean {
    return this.role !== 't';
  }

  get totalTokens(): number {
    return this.chunks.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  chunk(i: number): TicketChunk {
    const chunk = this.chunks[i];
    if (chunk === undefined) throw new Error(`ticket ${this.id} has no chunk ${i}`);
    return chunk;
  }

  layer(i: number): Stamps {
    const stamps = this.stamps[i];
    if (stamps === undefined) throw new Error(`ticket ${this.id} has no layer ${i}`);
    return stamps;
  }

  stripeBytes(chunk: number): number {
    return stripeBytes(this.geometry, this.chunk(chunk).tokens);
  }
}

export const newChunk = (key: string, tokens: number, needed: boolean): TicketChunk => ({
  key, tokens, needed, slot: NO_SLOT, filling: false, done: false, corrupt: false,
}); // prettier-ignore

const ns = (ms: number | null): bigint => (ms === null ? 0n : BigInt(Math.round(ms * 1e6)));

export function viewOf(ticket: Ticket): NativeTicket {
  const told = ticket.state >= STATE.landed ? ticket.stamps : [];
  return {
    ticket: Buffer.from(ticket.id, 'hex'),
    role: ticket.role,
    state: ticket.state,
    reason: ticket.reason,
    chunks: ticket.chunks.length,
    chunksNeeded: ticket.needed,
    chunksLanded: ticket.landed,
    claims: ticket.claims,
    chunksCorrupt: ticket.chunks.filter(({ corrupt }) => corrupt).length,
    bytesOut: ticket.bytesOut,
    bytesIn: ticket.bytesIn,
    runsResent: ticket.runsResent,
    peer: ticket.peer,
    clockOffsetNs: 0,
    stamps: BigUint64Array.from(
      told.flatMap((s) => [s.computedFirst, s.computed, s.out, s.landed, s.scattered].map(ns)),
    ),
  };
}

export type Counters = Record<
  | 'tickets_live' | 'tickets_opened' | 'tickets_expected' | 'tickets_refused' | 'tickets_landed' | 'tickets_settled'
  | 'tickets_aborted' | 'tickets_expired' | 'tickets_failed' | 'runs_resent' | 'stripes_wrong' | 'refused_unknown'
  | 'refused_foreign' | 'refused_ended' | 'late_messages' | 'sessions_up' | 'fills_begun' | 'fills_full' | 'claims'
  | 'corrupt_reported',
  number
>; // prettier-ignore

export const noCounts = (): Counters => ({
  tickets_live: 0, tickets_opened: 0, tickets_expected: 0, tickets_refused: 0, tickets_landed: 0, tickets_settled: 0,
  tickets_aborted: 0, tickets_expired: 0, tickets_failed: 0, runs_resent: 0, stripes_wrong: 0, refused_unknown: 0,
  refused_foreign: 0, refused_ended: 0, late_messages: 0, sessions_up: 0, fills_begun: 0, fills_full: 0, claims: 0,
  corrupt_reported: 0,
}); // prettier-ignore

/** The parts of one bus: they call each other directly. */
export class Parts {
  readonly counters = noCounts();
  fills = 0; // the last fill's id
  endpoint!: LaneEndpoint;
  tickets!: Tickets;
  lanes!: Lanes;
  arrivals!: Arrivals;
  fillTable!: Fills;
  engines!: Engines;
  readonly options: ModelOptions;
  readonly store: Store;
  readonly mailbox: Mailbox;
  readonly publishSoon: () => void;

  constructor(options: ModelOptions, store: Store, mailbox: Mailbox, publishSoon: () => void) {
    this.options = options;
    this.store = store;
    this.mailbox = mailbox;
    this.publishSoon = publishSoon;
  }
}
