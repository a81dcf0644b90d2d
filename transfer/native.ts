// The native boundary of the transfer service: data only, no defaults. `null` means "intentionally none".
// Both sides list the same functions and fields in the same order: native/src/node/.
import { createRequire } from 'node:module';
import { loadAddon } from '#core/addon.ts';

export interface NativeBusOptions {
  node: string;
  arenaPath: string;
  arenaBytes: number; // multiple of 64 KiB
  slotsMax: number;
  prefault: boolean;
  socketPath: string;
  laneHost: string;
  lanePort: number; // 0: any
  clusterKeys: Uint8Array[]; // 0, 1 or 2
  laneSilenceMs: number;
  laneConnectMs: number;
  ticketShareMax: number;
  verify: boolean;
}

export interface NativeOpen {
  ticket: Uint8Array; // 16 bytes
  engine: string;
  namespace: Uint8Array; // 32 bytes
  keys: Uint8Array; // n × 32 bytes
  tokens: Uint32Array; // n
  sourceNode: string;
  sourceEngine: string;
  leaseMs: number;
}

export interface NativeExpect {
  ticket: Uint8Array;
  engine: string;
  namespace: Uint8Array;
  keys: Uint8Array;
  tokens: Uint32Array;
  need: Uint8Array; // n, 1 = the target lacks it
  epoch: number;
  targetNode: string;
  targetHost: string;
  targetPort: number;
  leaseMs: number;
}

export interface NativeGranted {
  ticket: Uint8Array;
  role: string; // 's' source, 't' target, 'b' both
  granted: boolean;
  reason: number; // Reason of native/src/base/types.h
  need: Uint8Array;
  epoch: number;
  freeBytes: number;
}

/** Stamps of one ticket: per layer [computedFirst, computed, out, landed, scattered] in ns of the own clock, 0 = never. */
export type NativeStamps = BigUint64Array;

export interface NativeTicket {
  ticket: Uint8Array;
  role: string;
  state: number; // TicketState of native/src/base/types.h
  reason: number;
  chunks: number;
  chunksNeeded: number;
  chunksLanded: number;
  claims: number;
  /** A reader found other bytes in them than were verified. */
  chunksCorrupt: number;
  bytesOut: number;
  bytesIn: number;
  runsResent: number;
  peer: string;
  clockOffsetNs: number;
  stamps: NativeStamps; // empty until landed or ended
}

export interface NativeChunkEvents {
  kinds: Uint8Array; // n: 1 stored, 2 removed
  keys: Uint8Array; // n × 32
  namespaces: Uint8Array; // n × 32
  tokens: Uint32Array; // n
}

export interface NativeAttachment {
  engine: string;
  namespace: Uint8Array;
  layers: number;
  heads: number;
  planeBytes: number[];
  chunkTokens: number;
  pid: number;
  attached: boolean;
}

export interface NativeDrained {
  granted: NativeGranted[];
  tickets: NativeTicket[];
  chunks: NativeChunkEvents;
  relist: boolean;
  attachments: NativeAttachment[];
}

/** Counters by snake_case name, as BusCounters in native/src/bus/bus.h and ArenaStats prefixed `arena_`. */
export type NativeCounters = Record<string, number>;

export interface NativeBus {
  incarnation(): bigint;
  lanePort(): number;
  open(request: NativeOpen): void;
  expect(request: NativeExpect): void;
  abort(ticket: Uint8Array, reason: number): void;
  renew(ticket: Uint8Array, leaseMs: number): void;
  settle(ticket: Uint8Array): void;
  drain(): NativeDrained;
  listTickets(): NativeTicket[];
  listChunks(): NativeChunkEvents;
  listAttachments(): NativeAttachment[];
  counters(): NativeCounters;
  refuseNew(): void;
  /** Stops the thread and frees everything; idempotent. Also done when the environment ends. */
  close(): void;
}

interface Addon {
  /** Throws an Error with `code` and a message that says what to do. `wake` runs on the JS thread, once per batch. */
  startBus(options: NativeBusOptions, wake: () => void): NativeBus;
  version(): string;
  testHooks(): boolean; // built with BATON_TEST_HOOKS
}

export const native = loadAddon(() => createRequire(import.meta.url)('#baton-addon') as unknown) as Addon;
