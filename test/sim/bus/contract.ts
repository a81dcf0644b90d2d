// The model of the native bus as its users see it: what the simulation builds on and what the scripts of this folder hold
// to the real one. Everything runs on one thread; time, randomness, processes and the network are arguments.
// KV bytes are symbols: a stripe is one string, its digest is what it was announced with.
import type { Clock } from '#core/clock.ts';
import type { NativeBusOptions } from '#transfer/native.ts';

/** Codes of native/include/baton.h. */
export const CODE = {
  ok: 0, held: 1, landing: 2, argument: -1, closed: -2, geometry: -5, full: -6, unknown: -7, foreign: -8, ended: -9,
  mismatch: -10, digest: -11, nameTaken: -13,
} as const; // prettier-ignore
export type Code = (typeof CODE)[keyof typeof CODE];

export interface Geometry {
  layers: number;
  heads: number;
  planeBytes: readonly number[];
  chunkTokens: number;
}

/** Who lives. A process that was killed writes nothing any more; its number is not used again. */
export interface Processes {
  alive(pid: number): boolean;
}

/** What `new ModelBus(arena, options, wake)` needs beside what the native one is given. */
export interface ModelOptions extends NativeBusOptions {
  clock: Clock;
  network: LaneNetwork;
  /** A ticket's epoch: any number that is not 0. */
  epoch: () => number;
}

// ---- engines: the calls of baton.h, each answered at once ----

export interface Attach {
  engine: string;
  namespace: Uint8Array; // 32 bytes
  geometry: Geometry;
  pid: number;
}

/** A place in the arena, as baton_slot. */
export interface SlotRef {
  slot: number;
  generation: number;
  tokens: number;
  chunk: number;
  key: Uint8Array;
}

/** Stripes of one slot: [layer][head]. */
export type Values = string[][];

export interface ModelSession {
  readonly engine: string;
  readonly pid: number;
  /** The service is gone or the session has ended; calls answer `closed`. */
  readonly closed: boolean;

  /** Number of leading keys that the arena holds sealed. */
  lookup(keys: readonly Uint8Array[]): number;
  accept(
    ticket: Uint8Array,
    keys: readonly Uint8Array[],
    totalTokens: number,
  ): { code: Code; need: boolean[] };
  /** ok: landed; landing; ended; unknown; foreign. The first call asks and subscribes, later ones read what was pushed. */
  poll(ticket: Uint8Array): Code;
  forget(ticket: Uint8Array): void;
  /** `ticket` null: keep the chunk for later prompts. ok: `slot` is set. */
  begin(
    ticket: Uint8Array | null,
    key: Uint8Array,
    chunk: number,
    tokens: number,
  ): { code: Code; slot: SlotRef | null };
  /** Gathers one layer (one value a head) and announces it. The code is the gather's. */
  ready(slot: SlotRef, layer: number, values: readonly string[]): Code;
  abandon(slot: SlotRef): Code;
  claim(
    ticket: Uint8Array | null,
    keys: readonly Uint8Array[],
  ): { code: Code; claim: number; slots: SlotRef[] };
  /** Scatters a claimed slot, verifying: every stripe, or why not. A wrong digest is reported to the bus as baton_scatter does. */
  scatter(slot: SlotRef): { code: Code; values: Values };
  /** Tells that the ticket's layers stand in the engine's pages: one stamp a layer, ns. */
  scattered(ticket: Uint8Array, stampsNs: readonly number[]): Code;
  release(claim: number): Code;
  /** Says that this slot's bytes are not those that were written. */
  corrupt(slot: SlotRef): Code;

  /** The session breaks; the engine lives and may still read and write what it was given. */
  hangUp(): void;
  /** The engine has let go of everything (baton_detach). A session that has not ended does so. */
  detach(): void;
  /** The process is gone: detach(), for a process that Processes no longer calls alive. */
  end(): void;
}

export type Attached = { ok: true; session: ModelSession } | { ok: false; code: Code; message: string };

// ---- lanes: the contract of native/src/path/path.h ----

export const LANDING = { ok: 0, wrongBytes: 1, refused: 2 } as const;
export type Landing = (typeof LANDING)[keyof typeof LANDING];

/** Adjacent stripes of one chunk. Tickets and keys are hex here: they are compared and used as names. */
export interface Run {
  ticket: string;
  epoch: number;
  chunk: number;
  first: number;
  count: number;
  length: number; // bytes
  digests: readonly string[];
  /** Source: the stripes as they stand in the arena when the run goes out. */
  read: () => string[];
}

/** Where a run's stripes go. `write` null: thrown away; with reason 0 because they are there, else refused. */
export interface Place {
  write: ((stripe: number, value: string) => void) | null;
  key: string;
  heads: number;
  reason: number;
}

/** What a lane's user is told. */
export interface LaneSink {
  place(lane: number, run: Run): Place;
  landed(lane: number, run: Run, landing: Landing): void;
  sending(lane: number, run: Run): void;
  acknowledged(lane: number, run: Run, landing: Landing, reason: number): void;
  cancelled(lane: number, ticket: string, epoch: number, reason: number, quiesced: boolean): void;
  writable(lane: number): void;
  up(lane: number): void;
  down(lane: number, reason: number, retryable: boolean): void;
}

export interface Lane {
  readonly id: number;
  readonly peer: string;
  announce(run: Run): boolean;
  cancel(ticket: string, epoch: number, reason: number, quiesced: boolean): void;
}

/** One node's end of all its lanes. */
export interface LaneEndpoint {
  readonly port: number;
  dial(node: string, host: string, port: number, incarnation: bigint): number;
  find(id: number): Lane | null;
  peerIncarnation(id: number): bigint;
  need(id: number, needed: boolean): void;
  close(id: number): void;
  stats(): LaneStats;
  /** Ends every lane; with `abrupt` as a process that was killed: what waits is not sent. */
  end(abrupt: boolean): void;
}

export interface LaneStats {
  lane_resets: number;
  lane_hello_refused: number;
  lanes_up: number;
}

export interface ListenOptions {
  node: string;
  incarnation: bigint;
  host: string;
  port: number; // 0: any
  connectMs: number;
  silenceMs: number;
  verify: boolean;
  clock: Clock;
}

export interface LaneNetwork {
  listen(options: ListenOptions, sink: LaneSink): LaneEndpoint;
}

/** What travels on a lane, in order. A run arrives in two parts: its head (the target says where it goes), its payload. */
export type LaneMessage =
  | { kind: 'ready' } // the dialler has come up
  | { kind: 'run'; run: Run; values: string[] }
  | { kind: 'ack'; run: Run; landing: Landing; reason: number }
  | { kind: 'cancel' | 'quiesced'; ticket: string; epoch: number; reason: number };

export type Side = 'dialler' | 'listener';

/**
 * One connection, in the hands of the simulation. Nothing moves by itself: whoever owns the network says when a dial
 * succeeds and when each part arrives. `ModelNetwork.changed` tells of every connection that has something to carry.
 */
export interface LaneConnection {
  readonly id: number;
  readonly dialler: string; // node names
  readonly listener: string;
  readonly state: 'dialling' | 'up' | 'ended';
  /** The end that is gone while the other one is not; null: none. */
  readonly broken: Side | null;
  /** Nothing gets through, heartbeats neither: deliver() does nothing while it is set. */
  stalled: boolean;
  /** The dial succeeds, or is refused as the hello would: nobody listens, another node or incarnation does. */
  connect(): void;
  /** The dial fails: lane_lost, and it may be tried again. */
  lose(): void;
  /** Parts on their way towards this side. */
  pending(to: Side): number;
  /** The next part arrives; false when there is none. */
  deliver(to: Side): boolean;
  /** The connection breaks and what is in flight is lost. With `side` only that end learns of it now; the other one when
   * it is needed and has heard nothing for silenceMs, or when told by another cut. */
  cut(side?: Side): void;
  /** The socket that carries what is said to this side takes no more, or does so again: of a run that has begun the rest is read
   * from the arena only then. */
  clog(to: Side, clogged: boolean): void;
  /** The next run towards this side that has not begun to arrive carries a wrong stripe. False: there is none. */
  corruptNext(to: Side): boolean;
  /** The next message towards this side comes twice (TCP's sequence numbers would not let it; the bus bears it). */
  duplicateNext(to: Side): boolean;
}
