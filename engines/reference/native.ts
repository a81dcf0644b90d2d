// The native boundary of the reference engine: model math, KV pages and the worker half of the connector in C++, which
// knows the arena only through libbaton's C ABI. Data only, no defaults; `null` means "intentionally none".
// Both sides list the same functions and fields in the same order: engines/reference/native/src/addon/.
import { createRequire } from 'node:module';
import { loadAddon } from '#core/addon.ts';

export interface NativeModelOptions {
  kind: string; // 'tiny' | 'synthetic'
  layers: number;
  heads: number; // KV heads
  headDim: number;
  dtype: string; // KV element: 'f32' | 'bf16'
  vocab: number;
  seed: number;
  // tiny
  queryHeads: number;
  hidden: number;
  ffn: number;
  ropeTheta: number;
  weights: string | null; // path of weights, null: random from `seed`
  // synthetic: modelled compute, waited for layer by layer (it stands for a GPU)
  computeUsPerLayer: number;
  computeUsPerLayerToken: number;
  /** KV bytes of a step are made before its first layer begins, so that a timed step only waits and gathers. */
  prepareKv: boolean;
  /** Test aid: layer `delayLayer` takes `delayMs` longer (-1: none). */
  delayLayer: number;
  delayMs: number;
  /** Gather each layer as soon as it is computed; false: all of a step's layers at its end. */
  layerHooks: boolean;
  // pages
  pages: number;
  pageTokens: number;
  threads: number; // of the math
}

/** A baton_slot of baton.h, opaque bytes. */
export type NativeSlot = Uint8Array;

export interface NativeGather {
  slot: NativeSlot;
  pages: Uint32Array; // pages that hold the chunk's tokens
  pageOffset: number; // of the chunk's first token inside pages[0]
}

export interface NativeSequence {
  /** All tokens of the sequence up to `end`. */
  tokens: Uint32Array;
  /** Tokens [start, end) are computed in this step; [0, start) stand in pages already. */
  start: number;
  end: number;
  /** Page of token t is pages[floor(t / pageTokens)]. */
  pages: Uint32Array;
  /** Sample from the last token's logits? */
  sample: boolean;
  temperature: number; // 0: greedy
  topP: number;
  seed: number; // of this request
  /** Chunks whose end this step reaches: gathered layer by layer in this step's hooks. */
  gathers: NativeGather[];
}

export interface NativeStepResult {
  /** One per sequence; -1 where not sampled. */
  tokens: Int32Array;
  /** One per sequence: 0, or the baton code that ended its gathers (its fills were aborted). */
  gatherStatus: Int32Array;
}

export interface NativeLoad {
  slots: NativeSlot[]; // claimed
  pages: Uint32Array[]; // per slot
  pageOffsets: Uint32Array; // per slot
  tokenCounts: Uint32Array; // per slot: tokens to write, from the chunk's first
  verify: boolean;
  ticket: Uint8Array | null; // stamps are reported for it
  /** Digest every loaded stripe from the pages after scatter (check mode). */
  check: boolean;
}

export interface NativeLoadResult {
  status: number; // 0 or the first baton code
  /** Per slot: 0 or its baton code. */
  statuses: Int32Array;
  /** check: slots × layers × heads × 16 bytes, else empty. */
  digests: Uint8Array;
}

export interface NativeAttach {
  socketPath: string;
  engine: string;
  namespace: Uint8Array; // 32 bytes
  chunkTokens: number;
  timeoutMs: number;
}

export interface NativeBatonClient {
  alive(): boolean;
  incarnation(): bigint;
  /** keys: n × 32 bytes. Shared memory only. */
  lookup(keys: Uint8Array): number;
  ticketAccept(
    ticket: Uint8Array,
    keys: Uint8Array,
    totalTokens: number,
  ): { status: number; need: Uint8Array };
  ticketPoll(ticket: Uint8Array): number;
  ticketForget(ticket: Uint8Array): void;
  fillBegin(
    ticket: Uint8Array | null,
    key: Uint8Array,
    chunk: number,
    tokens: number,
  ): { status: number; slot: NativeSlot };
  fillAbort(slot: NativeSlot): void;
  claim(ticket: Uint8Array | null, keys: Uint8Array): { status: number; slots: NativeSlot[]; claim: bigint };
  release(claim: bigint): void;
  counters(): Record<string, number>;
  detach(): void;
}

export interface NativeEngine {
  /** Throws an Error with `code` (baton code name) and a message that says what to do. */
  attach(options: NativeAttach): NativeBatonClient;
  /** One step of the model over a batch, on the engine's own thread; one at a time. The client may be null. */
  step(client: NativeBatonClient | null, sequences: NativeSequence[]): Promise<NativeStepResult>;
  /** Scatters claimed slots into pages on the load thread; many may wait. */
  load(client: NativeBatonClient, request: NativeLoad): Promise<NativeLoadResult>;
  /** Digests of the stripes of one chunk read from pages: layers × heads × 16 bytes. Runs on the calling thread. */
  digestPages(
    key: Uint8Array,
    chunkTokens: number,
    tokens: number,
    pages: Uint32Array,
    pageOffset: number,
  ): Uint8Array;
  /** Waits for what runs, frees everything; idempotent. */
  close(): void;
}

interface Addon {
  createEngine(options: NativeModelOptions): NativeEngine;
}

export const native = loadAddon(() => createRequire(import.meta.url)('#reference-addon') as unknown) as Addon;
