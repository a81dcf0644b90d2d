// What a router knows of one transfer service: the contract that transfer/client.ts implements over gRPC and that tests and
// the simulation implement in memory.
import type { Geometry } from '#core/geometry.ts';

export type TicketRole = 'source' | 'target' | 'both';
export type TicketStateName =
  | 'reserved' | 'streaming' | 'landed' | 'claimed' | 'settled' | 'aborted' | 'expired' | 'failed'; // prettier-ignore

export interface OpenRequest {
  ticket: Uint8Array; // 16 bytes
  engine: string; // the decode engine
  namespace: Uint8Array; // 32 bytes
  keys: Uint8Array; // n × 32 bytes
  tokens: Uint32Array; // n
  sourceNode: string; // equal to the service's own node: both legs share its arena, no Expect follows
  sourceEngine: string;
  sourceIncarnation: bigint;
  leaseMs: number;
}

export interface ExpectRequest {
  ticket: Uint8Array;
  engine: string; // the prefill engine
  namespace: Uint8Array;
  keys: Uint8Array;
  tokens: Uint32Array;
  need: Uint8Array; // from Granted of Open
  epoch: number; // from Granted of Open
  targetNode: string;
  targetHost: string;
  targetPort: number;
  targetIncarnation: bigint;
  leaseMs: number;
}

export interface Granted {
  granted: boolean;
  reason: string; // a code of core/errors.ts when refused, else ''
  need: Uint8Array; // one byte per chunk, 1 = not held by the target
  epoch: number;
  freeBytes: number;
}

export interface Progress {
  ticket: Uint8Array;
  role: TicketRole;
  state: TicketStateName;
  reason: string; // '' or a code of core/errors.ts
  chunks: number;
  chunksNeeded: number;
  chunksLanded: number;
}

/** Stamps of one layer, ns of the node's monotonic clock; 0n = never. */
export interface LayerStamps {
  computedFirst: bigint;
  computed: bigint;
  out: bigint;
  landed: bigint;
  scattered: bigint;
}

export interface Report extends Progress {
  bytesOut: number;
  bytesIn: number;
  runsResent: number;
  claims: number;
  /** A reader found other bytes in them than were verified. */
  chunksCorrupt: number;
  peer: string;
  clockOffsetNs: bigint; // peer's clock − this node's
  layers: LayerStamps[];
}

export interface AttachmentInfo {
  engine: string;
  namespace: Uint8Array;
  geometry: Geometry;
}

export interface ServiceInfo {
  node: string;
  incarnation: bigint;
  laneHost: string;
  lanePort: number;
  arenaBytes: number;
  /** Of its package; '' where it does not tell. */
  version: string;
}

/** What a link tells its router. Calls come in the order of the service's batches. */
export interface LinkEvents {
  /** Connected and welcomed; a snapshot follows. */
  up(info: ServiceInfo): void;
  /** Replaces all that is known of the service's chunks, attachments and this router's tickets. */
  snapshot(snapshot: {
    attachments: AttachmentInfo[];
    keys: Uint8Array;
    tickets: Progress[];
    draining: boolean;
  }): void;
  progress(progress: Progress): void;
  /** The last word on a ticket, once per role. */
  report(report: Report): void;
  /** relist: forget this node's chunks first. Keys: n × 32 bytes. */
  chunks(change: { relist: boolean; stored: Uint8Array; removed: Uint8Array }): void;
  attachment(info: AttachmentInfo, attached: boolean): void;
  draining(): void;
  /** A dial ended before its welcome: unreachable, or refused with `hello_refused: …`. The next one follows in the background. */
  notWelcomed?(reason: string): void;
  /** The stream ended; open and expect in flight reject with `service_lost`. Reconnecting goes on in the background. */
  down(reason: string): void;
}

export interface ServiceLink {
  readonly node: string;
  /** Null while down. */
  info(): ServiceInfo | null;
  open(request: OpenRequest): Promise<Granted>;
  expect(request: ExpectRequest): Promise<Granted>;
  abort(ticket: Uint8Array, reason: string): void;
  renew(ticket: Uint8Array, leaseMs: number): void;
  settle(ticket: Uint8Array): void;
  close(): Promise<void>;
}
